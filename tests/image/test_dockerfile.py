"""What the Dockerfile says fits what it is about: the sources, the settings, the manifests and pyproject.toml."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from extender.settings import ExtenderSettings
from scheduler.cli import main
from scheduler.config.settings import Settings
from tests.image.dockerfile import ROOT, context, is_given, read, stages, words

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BUILD, IMAGE = read()
DEPLOYMENTS = [ROOT / "manifests" / folder / "deployment.yaml" for folder in ("base", "extender/base", "expander")]


def test_what_is_copied_is_there_and_nothing_else_is_given() -> None:
    sources = [source for text in BUILD.of("COPY") for source in shlex.split(text)[:-1]]
    files = set(map(str, context()))
    for source in sources:
        assert source in files or any(file.startswith(source) for file in files), source
    assert all(any(file.startswith(source) for source in sources) for file in files)


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("scheduler/app.py", True),
        ("scheduler/rpc/__pycache__/x.cpython-313.pyc", False),
        ("scheduler/old.pyc", False),
        ("tests/test_app.py", False),
        (".git/config", False),
        ("README.md", True),
        ("docs/README.md", False),
    ],
)
def test_what_the_build_is_given(path: str, given: bool) -> None:
    assert is_given(path, (ROOT / ".dockerignore").read_text()) is given


def test_both_stages_have_the_same_python_and_it_is_supported() -> None:
    assert BUILD.base == IMAGE.base
    version = re.fullmatch(r"python:(3\.\d+)-slim", BUILD.base)
    assert version
    assert f"Programming Language :: Python :: {version.group(1)}" in PROJECT["classifiers"]


def test_the_labels_say_what_the_package_says() -> None:
    said = {name.removeprefix("org.opencontainers.image."): value for name, value in IMAGE.pairs("LABEL").items()}
    assert said == {
        "title": PROJECT["name"],
        "description": PROJECT["description"],
        "version": PROJECT["version"],
        "licenses": PROJECT["license"],
        "base.name": f"docker.io/library/{IMAGE.base}",
    }
    assert yaml.safe_load((ROOT / "manifests/chart/Chart.yaml").read_text())["appVersion"] == PROJECT["version"]


def test_the_ports_are_those_of_the_settings_defaults() -> None:
    ours, extenders = Settings(), ExtenderSettings()
    ports = {ours.serving.port, ours.rpc.port, extenders.listening.port, extenders.serving.port}
    assert {int(port) for port in IMAGE.the("EXPOSE").split()} == ports
    *_, program = words(IMAGE.the("HEALTHCHECK").partition("CMD ")[2])
    assert f"http://127.0.0.1:{ours.serving.port}/livez" in program


def test_it_starts_a_command_of_the_package_with_arguments_that_it_takes() -> None:
    (entry_point,) = words(IMAGE.the("ENTRYPOINT"))
    assert entry_point in PROJECT["scripts"]
    command, *arguments = words(IMAGE.the("CMD"))
    assert main.get_command(None, command).make_context(command, arguments)


@pytest.mark.parametrize("file", DEPLOYMENTS, ids=lambda file: str(file.parent.relative_to(ROOT)))
def test_the_manifests_run_it_as_the_same_user_and_call_commands_that_it_has(file: Path) -> None:
    deployment = yaml.safe_load(file.read_text())
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    security = pod["securityContext"]
    assert IMAGE.the("USER") == f"{security['runAsUser']}:{security['runAsGroup']}"
    assert container["image"] == f"{PROJECT['name']}:{PROJECT['version']}"
    assert container.get("command", words(IMAGE.the("ENTRYPOINT")))[0] in PROJECT["scripts"]


def test_an_instruction_that_no_test_understands_is_not_passed_over() -> None:
    with pytest.raises(ValueError, match="ONBUILD"):
        stages("FROM a\nONBUILD RUN true\n")
