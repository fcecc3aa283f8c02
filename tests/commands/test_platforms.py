"""``multiarch-scheduler platforms``, against a registry on loopback: as a user runs it, and what its exit code says."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from scheduler.commands.platforms import InvalidNodes, read_nodes
from scheduler.commands.platforms_report import size
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.registry import SandboxRegistry


@pytest.fixture
async def registry() -> AsyncIterator[SandboxRegistry]:
    registry = SandboxRegistry()
    await registry.start()
    registry.push_index("shop/web", "1", ["linux/amd64", "linux/arm64"], attestations=True)
    registry.push_image("shop/single", "1", "linux/s390x")
    yield registry
    await registry.stop()


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    file = tmp_path / "nodes.yaml"
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(scenario_nodes())}))
    return file


async def platforms(*arguments: str) -> tuple[int, str, str]:
    """Runs the command; its exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scheduler", "platforms", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, output.decode(), errors.decode()


async def test_an_index_is_shown_with_its_platforms_and_without_its_attestations(registry: SandboxRegistry) -> None:
    code, output, _ = await platforms(f"{registry.address}/shop/web:1")
    assert code == 0
    assert "linux/amd64" in output
    assert "linux/arm64" in output
    assert "unknown" not in output


async def test_json_tells_digest_and_size_of_each_platform(registry: SandboxRegistry) -> None:
    code, output, _ = await platforms(f"{registry.address}/shop/web:1", "-o", "json")
    (report,) = json.loads(output)
    assert (code, report["kind"]) == (0, "index")
    assert [row["platform"] for row in report["platforms"]] == ["linux/amd64", "linux/arm64"]
    assert all(row["digest"].startswith("sha256:") and row["size"] > 0 for row in report["platforms"])


async def test_nodes_are_told_apart_by_whether_they_run_it(registry: SandboxRegistry, nodes: Path) -> None:
    code, output, _ = await platforms(f"{registry.address}/shop/web:1", f"--nodes={nodes}", "-o", "json")
    (report,) = json.loads(output)
    assert code == 0
    assert {row["node"] for row in report["nodes"] if row["runs"]} == {"arm64-0", "arm64-1", "amd64-0", "amd64-1"}
    windows = next(row for row in report["nodes"] if row["node"] == "win2022-0")
    assert windows["why"] == f"can't run image {registry.address}/shop/web:1 (built for linux/amd64, linux/arm64)"


async def test_an_image_that_no_node_runs_is_exit_code_3(registry: SandboxRegistry, nodes: Path) -> None:
    code, _, _ = await platforms(f"{registry.address}/shop/single:1", f"--nodes={nodes}")
    assert code == 3


async def test_an_image_that_cannot_be_read_is_exit_code_1_and_the_others_are_shown(registry: SandboxRegistry) -> None:
    code, output, _ = await platforms(
        f"{registry.address}/shop/web:1", f"{registry.address}/shop/ghost:1", "shop/Web:1"
    )
    assert code == 1
    assert "linux/arm64" in output
    assert "answered 404 for shop/ghost:1" in " ".join(output.split())
    assert "must be lower case" in " ".join(output.split())


async def test_a_file_that_holds_no_nodes_is_named(tmp_path: Path) -> None:
    file = tmp_path / "pods.yaml"
    file.write_text("kind: Pod\n")
    code, _, errors = await platforms("app:1", f"--nodes={file}")
    assert code == 1
    assert errors.strip() == f"Error: {file}: holds something that is no Node"


@pytest.mark.parametrize("text", ["a: [", "kind: Node\n", "- 1\n", "kind: Node\nmetadata: {name: 3}\n"])
def test_a_file_that_is_broken_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "nodes.yaml"
    file.write_text(text)
    with pytest.raises(InvalidNodes, match=r"nodes\.yaml: "):
        read_nodes(file)


@pytest.mark.parametrize(
    ("count", "text"), [(0, ""), (999, "999 B"), (1000, "1.0 kB"), (52_428_800, "52.4 MB"), (3 * 10**12, "3000.0 GB")]
)
def test_sizes_are_shown_as_people_read_them(count: int, text: str) -> None:
    assert size(count) == text
