"""The Dockerfile's steps, done: the wheel is reproducible, and what it makes runs with as little as a pod gives it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from scheduler.sandbox.demo import SCHEDULER_NAME, create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.scenario import ARM64, ScenarioImage, Workload
from scheduler.sandbox.stage import sandbox_stage
from tests.cluster.probes import answers_ok
from tests.cluster.processes import free_port
from tests.image.building import Image, below, built, copied, step
from tests.image.dockerfile import ROOT, read, words
from tests.scenarios.walking import PODS, all_bound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Every user may look into it, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="image-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module")
def image(folder: Path) -> Image:
    root = folder / "root"
    root.mkdir()
    return built(root)


def test_the_wheel_is_the_same_byte_for_byte_wherever_and_whenever_it_is_built(image: Image, folder: Path) -> None:
    (first,) = (image.root / "wheel").glob("*.whl")
    root = folder / "again"
    build, _ = read()
    for text in build.of("COPY"):
        *sources, target = text.split()
        copied(sources, Path(below(root, target)))
    for number, path in enumerate(sorted((root / "src").rglob("*.py"))):
        os.utime(path, (number, 86_400 * number))
        path.chmod(0o600)
    (hatchling,) = [text for text in build.of("RUN") if "hatchling build" in text]
    step(root, build, hatchling.replace("/opt/build", str(image.root / "opt/build")))
    (second,) = (root / "wheel").glob("*.whl")
    assert second.name == first.name
    assert hashlib.sha256(second.read_bytes()).digest() == hashlib.sha256(first.read_bytes()).digest()


def test_the_image_holds_what_is_locked_and_nothing_that_installs_or_tests(image: Image) -> None:
    listed = subprocess.run(
        [image.root / "opt/build/bin/pip", "--python", image.python, "list", "--format=json"],
        check=True,
        capture_output=True,
        text=True,
    )
    installed = {(each["name"].lower().replace("_", "-"), each["version"]) for each in json.loads(listed.stdout)}
    ours = {each for each in installed if each[0] == "multiarch-scheduler"}
    locked = {(each.name, str(each.specifier).removeprefix("==")) for each, _ in requirements()}
    assert ours
    assert installed - ours <= locked
    assert not {"pip", "pytest", "hatchling", "mypy"} & {name for name, _ in installed}


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_each_command_is_there_for_a_user_without_a_home(image: Image, script: str) -> None:
    if script.startswith("kubectl_complete"):
        done = image.run(script, "")
    else:
        done = image.run(script, "--help")
        assert "Usage:" in done.stdout
    assert done.returncode == 0, done.stderr


def test_the_user_owns_nothing_and_can_change_nothing(image: Image) -> None:
    script = (
        "import os, sys, pathlib\n"
        "assert os.getuid() != 0\n"
        "everything = pathlib.Path(sys.prefix).rglob('*')\n"
        "print(*(path for path in everything if not path.is_symlink() and os.access(path, os.W_OK)))\n"
    )
    done = image.run("python", "-c", script)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.strip()


async def test_the_scheduler_places_pods_and_is_healthy(image: Image, folder: Path, tmp_path: Path) -> None:
    """With the image's own arguments, and its own health check."""
    port = free_port()
    async with sandbox_stage(tmp_path) as stage:
        await create(stage, scenario_nodes(), "/api/v1/nodes")
        stage.push(ScenarioImage("shop/inference", "1", (ARM64,)))
        options = [f"--kubeconfig={readable(stage.kubeconfig, folder)}", f"--port={port}", "--no-leader-elect"]
        start = [*words(image.stage.the("ENTRYPOINT")), *words(image.stage.the("CMD")), *options]
        async with running(image, start, f"http://127.0.0.1:{port}/livez", tmp_path):
            workload = Workload("inference", ("shop/inference:1",), 1, frozenset({"arm64-0", "arm64-1"}))
            await create(stage, workload.pods(stage.registry, SCHEDULER_NAME), PODS)
            (pod,) = await all_bound(stage, "inference", 1)
            assert pod.spec.node_name in workload.runs_on
            check = words(image.stage.the("HEALTHCHECK").partition("CMD ")[2])
            here = [word.replace(":10261/", f":{port}/") for word in check]
            assert here != check
            done = await asyncio.to_thread(image.run, *here)
            assert done.returncode == 0, done.stderr
        assert (await asyncio.to_thread(image.run, *here)).returncode != 0


async def test_the_extender_and_the_expander_serve(image: Image, folder: Path, tmp_path: Path) -> None:
    port, health = free_port(), free_port()
    async with sandbox_stage(tmp_path) as stage:
        kubeconfig = f"--kubeconfig={readable(stage.kubeconfig, folder)}"
        start = ["multiarch-extender", "run", kubeconfig, f"--port={port}", f"--health-port={health}"]
        async with running(image, start, f"http://127.0.0.1:{health}/readyz", tmp_path):
            assert await asyncio.to_thread(answers_ok, f"http://127.0.0.1:{health}/livez")
        settings = tmp_path / "settings.yaml"
        settings.write_text("rpc: {host: 127.0.0.1, port: 0}\n")
        config = f"--config={readable(settings, folder)}"
        start = [*words(image.stage.the("ENTRYPOINT")), "expander", config, kubeconfig, f"--port={health}"]
        async with running(image, start, f"http://127.0.0.1:{health}/readyz", tmp_path):
            assert await asyncio.to_thread(answers_ok, f"http://127.0.0.1:{health}/livez")


def test_every_requirement_that_is_compiled_has_wheels_for_all_machines_and_pythons(
    image: Image, tmp_path: Path
) -> None:
    """Those that are not are the same file everywhere. pip is asked, with the hashes of the lock."""
    names = compiled(image)
    assert {"numpy", "grpcio", "msgspec"} <= names
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        asked = [(python, machine) for python in PYTHONS for machine in MACHINES]
        answers = dict(zip(asked, pool.map(lambda each: refusal(names, tmp_path, *each), asked), strict=True))
    assert not {each: answer for each, answer in answers.items() if answer}


def compiled(image: Image) -> set[str]:
    """Names of what was installed from wheels for one machine."""
    found = set()
    for wheel in image.root.glob("opt/scheduler/lib/*/site-packages/*.dist-info/WHEEL"):
        if "Root-Is-Purelib: true" not in wheel.read_text():
            found.add(wheel.parent.name.partition("-")[0].lower().replace("_", "-"))
    return found


def requirements() -> list[tuple[Requirement, list[str]]]:
    """The lock's, each with its hashes."""
    entries = re.split(r"^(?=[\w.-]+==)", (ROOT / "requirements/runtime.txt").read_text(), flags=re.MULTILINE)[1:]
    return [(Requirement(re.split(r" \\|\n", each)[0]), re.findall(r"--hash=\S+", each)) for each in entries]


def refusal(names: set[str], folder: Path, python: str, machine: str) -> str:
    """What pip says when it does not find all of these; empty when it does. Nothing is installed.

    Whether a marker holds is decided here: pip would ask the Python that it runs in.
    """
    there = {"python_version": python, "python_full_version": f"{python}.0", "platform_machine": machine}
    held = [
        f"{each.name}{each.specifier} {' '.join(hashes)}\n"
        for each, hashes in requirements()
        if each.name in names and (each.marker is None or each.marker.evaluate({**there, "sys_platform": "linux"}))
    ]
    assert len(held) == len(names)
    wanted = folder / f"{python}-{machine}.txt"
    wanted.write_text("".join(held))
    platforms = [f"--platform={tag}_{machine}" for tag in ("manylinux_2_28", "manylinux_2_17", "manylinux2014")]
    options = ["--quiet", "--dry-run", "--ignore-installed", "--ignore-requires-python", "--no-deps"]
    files = ["--require-hashes", "--only-binary=:all:"]
    where = [f"--target={folder / 'none'}", "--implementation=cp", f"--python-version={python}", *platforms]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *options, *files, *where]
    done = subprocess.run(
        [*command, f"--requirement={wanted}"], check=False, capture_output=True, text=True, timeout=180
    )
    return done.stderr if done.returncode else ""


def readable(file: Path, folder: Path) -> Path:
    """A copy that every user may read."""
    copy = folder / f"{free_port()}-{file.name}"
    shutil.copyfile(file, copy)
    copy.chmod(0o644)
    return copy


@contextlib.asynccontextmanager
async def running(image: Image, command: list[str], url: str, folder: Path) -> AsyncIterator[None]:
    """Until the block ends, from when the URL is answered on; it must end well on SIGTERM."""
    log = folder / f"{command[0]}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *image.resolved(*command),
            stdout=output,
            stderr=output,
            cwd="/",
            env=image.environment,
            **image.user,
        )
    try:
        for _ in range(300):
            assert process.returncode is None, log.read_text()
            if await asyncio.to_thread(answers_ok, url):
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail(f"{url} is not answered: {log.read_text()}")
        yield
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0, log.read_text()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
