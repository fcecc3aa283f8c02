"""explain and report on the real control plane, as `kubectl imageplatform`, with what real controllers make."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.scenario import IMAGES
from tests.cluster.binaries import binary
from tests.cluster.kube_client import eventually
from tests.cluster.stage import RealStage, real_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kube_client import KubeClient
    from tests.cluster.kwok import Kwok

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


@pytest.fixture
async def stage(control_plane: ControlPlane, kwok: Kwok, publisher: Publisher) -> AsyncIterator[RealStage]:
    """The scenario's nodes and images, and no scheduler."""
    assert kwok.alive
    async with real_stage(control_plane, publisher) as stage:
        await create(stage, map(stage.as_node, scenario_nodes()), "/api/v1/nodes")
        for image in IMAGES:
            stage.push(image)
        try:
            yield stage
        finally:
            await stage.clear()


def workload(kind: str, api_version: str, name: str, image: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": image, "resources": {"requests": {"cpu": "100m"}}}
    pod: dict[str, Any] = {"schedulerName": "nobody", "containers": [container]}
    if kind in {"Job", "CronJob"}:
        pod["restartPolicy"] = "Never"
    else:
        spec["selector"] = {"matchLabels": {"app": name}}
    spec["template"] = {"metadata": {"labels": {"app": name}}, "spec": pod}
    if kind == "CronJob":
        spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": spec}}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}


async def kubectl(stage: RealStage, *words: str) -> tuple[int, str, str]:
    """kubectl with our plugin on its PATH; exit code, output and errors."""
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    process = await asyncio.create_subprocess_exec(
        *(str(binary("kubectl")), "imageplatform", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": path, "KUBECONFIG": str(stage.kubeconfig), "HOME": "/nowhere", "COLUMNS": "200"},
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode(), errors.decode()


async def test_kubectl_reports_workloads_by_what_manages_them_and_explains_their_pods(
    stage: RealStage, kube: KubeClient, namespace: str
) -> None:
    web, legacy = f"{stage.registry}/shop/web:1.4", f"{stage.registry}/shop/legacy:2.0"
    for manifest in (
        workload("Deployment", "apps/v1", "web", web, replicas=2),
        workload("Deployment", "apps/v1", "old", legacy, replicas=3),
        workload("DaemonSet", "apps/v1", "agent", f"{stage.registry}/shop/agent:3.1"),
        workload("Job", "batch/v1", "once", legacy),
        workload("CronJob", "batch/v1", "yearly", web),
    ):
        await kube.create(manifest, namespace)

    async def made() -> list[str] | None:
        pods = await kube.list("Pod", namespace)
        names = sorted(pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"].startswith(("old", "agent")))
        return names if len(names) == 9 else None

    *_, old = await eventually("the controllers have made their pods", made)

    code, output, errors = await kubectl(stage, "report", "-n", namespace, "-o", "json")
    assert code == 0, errors
    found = json.loads(output)
    assert found["notes"] == []
    rows = {f"{row['kind']} {row['name']}": row for row in found["workloads"]}
    assert {name: row["pods"] for name, row in rows.items()} == {
        "Deployment web": 2,
        "Deployment old": 3,
        "DaemonSet agent": 6,
        "Job once": 1,
        "CronJob yearly": 1,
    }
    assert rows["CronJob yearly"]["standings"]["linux/arm64"] == "ready"
    assert rows["Job once"]["standings"]["linux/arm64"] == "blocked"
    assert [
        (row["image"], row["blocks"]["linux/arm64"]) for row in found["images"] if "linux/arm64" in row["blocks"]
    ] == [(legacy, 2)]

    code, output, errors = await kubectl(stage, "explain", "pod", old, "-n", namespace)
    assert code == 0, errors
    assert "on the cluster as it is now: 2 of 6 nodes can take it" in output
    assert f"2 node(s) can't run image {legacy} (built for linux/amd64)" in output
    assert "note" not in output  # everything that counts could be seen
