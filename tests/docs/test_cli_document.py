"""docs/cli.md shows what the commands print: on the demo's cluster, with its pods waiting and no scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.scenario import IMAGES, WORKLOADS
from scheduler.sandbox.stage import sandbox_stage
from tests.cluster.binaries import binary
from tests.docs.console import DOCS, Session, renewed

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

DOCUMENT = DOCS / "cli.md"
PODS = "/api/v1/namespaces/default/pods"
REGISTRY = "hub.example:443"
"""As long as the real address, so that tables look the same."""


@contextlib.asynccontextmanager
async def session(folder: Path) -> AsyncIterator[Session]:
    """The cluster that the document speaks of: one pod of each workload, of which web-0 runs on amd64-0."""
    async with sandbox_stage(folder) as stage:
        await create(stage, scenario_nodes(), "/api/v1/nodes")
        for image in IMAGES:
            stage.push(image)
        for workload in WORKLOADS:
            await create(stage, workload.pods(stage.registry, "multiarch-scheduler")[:1], PODS)
        target = {"apiVersion": "v1", "kind": "Node", "name": "amd64-0"}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "web-0"}, "target": target}
        await stage.client.post(f"{PODS}/web-0/binding", msgspec.json.encode(binding))
        programs = folder / "programs"
        programs.mkdir()
        (programs / "kubectl").symlink_to(binary("kubectl"))
        path = f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin"
        work = folder / "work"
        work.mkdir()
        environment = {"PATH": path, "KUBECONFIG": str(stage.kubeconfig), "HOME": str(work), "COLUMNS": "110"}
        environment["REGISTRY"] = stage.registry
        assert len(stage.registry) == len(REGISTRY), "tables would look different"
        yield Session(work, environment, {stage.registry: REGISTRY})


async def test_every_command_prints_what_the_document_shows(tmp_path: Path) -> None:
    text = DOCUMENT.read_text()
    async with session(tmp_path) as started:
        now = await asyncio.to_thread(renewed, text, started)
    assert now == text


async def write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with session(Path(folder)) as started:
            DOCUMENT.write_text(await asyncio.to_thread(renewed, DOCUMENT.read_text(), started))


if __name__ == "__main__":
    asyncio.run(write())
