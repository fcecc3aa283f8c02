"""The unchanged command against the embedded cluster: it starts, answers, survives what it is sent, and stops well."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.scenario import ARM_NODES, IMAGES, NODES, WORKLOADS
from scheduler.sandbox.stage import SandboxStage, sandbox_stage

INFERENCE = next(workload for workload in WORKLOADS if workload.name == "inference")
PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[SandboxStage]:
    async with sandbox_stage(tmp_path) as stage:
        await create(stage, scenario_nodes(), "/api/v1/nodes")
        for image in IMAGES:
            stage.push(image)
        yield stage


class Running:
    """The process, and an HTTP client for its two ports."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, client: aiohttp.ClientSession) -> None:
        self.process = process
        self.client = client
        self._log = log
        self.port = self.health_port = 0

    async def said(self, pattern: str) -> re.Match[str]:
        """Once the log holds it."""
        for _ in range(1000):
            text = self._log.read_text(encoding="utf-8")
            found = re.search(pattern, text)
            if found:
                return found
            assert self.process.returncode is None, text
            await asyncio.sleep(0.02)
        pytest.fail(f"{pattern!r} is not in\n{text}")

    async def post(self, verb: str, body: bytes | Any) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.client.post(f"http://127.0.0.1:{self.port}/{verb}", data=io.BytesIO(data)) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" else text

    async def get(self, path: str) -> tuple[int, str]:
        async with self.client.get(f"http://127.0.0.1:{self.health_port}{path}") as answer:
            return answer.status, await answer.text()


@contextlib.asynccontextmanager
async def running(stage: SandboxStage, folder: Path, settings: str = "") -> AsyncIterator[Running]:
    file, log = folder / "extender.yaml", folder / "extender.log"
    file.write_text(settings)
    command = [sys.executable, "-m", "extender", "run", f"--config={file}", f"--kubeconfig={stage.kubeconfig}"]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, "--port=0", "--health-port=0", stdout=output, stderr=output
        )
    async with aiohttp.ClientSession() as client:
        extender = Running(process, log, client)
        try:
            started = await extender.said(r"health_port=(\d+) port=(\d+)")
            extender.health_port, extender.port = int(started[1]), int(started[2])
            await extender.said(r"\] ready ")
            yield extender
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def a_pod_of_the_cluster(stage: SandboxStage) -> dict[str, Any]:
    (document, *_) = INFERENCE.pods(stage.registry, "default-scheduler")
    body = await stage.client.post(PODS, json.dumps(document).encode())
    pod: dict[str, Any] = json.loads(body)
    return pod


async def test_it_answers_by_what_its_watches_and_the_registry_say(stage: SandboxStage, tmp_path: Path) -> None:
    async with running(stage, tmp_path) as extender:
        pod = await a_pod_of_the_cluster(stage)
        status, answer = await extender.post("filter", {"Pod": pod, "Nodes": None, "NodeNames": list(NODES)})
        assert status == 200
        assert sorted(answer["NodeNames"]) == sorted(ARM_NODES)
        assert (await extender.get("/readyz"))[0] == 200
        metrics = (await extender.get("/metrics"))[1]
        assert 'extender_nodes_total{direction="in",verb="filter"} 6.0' in metrics
        assert 'extender_nodes_total{direction="out",verb="filter"} 2.0' in metrics
        assert 'extender_size{of="nodes"} 6.0' in metrics


async def test_it_binds(stage: SandboxStage, tmp_path: Path) -> None:
    async with running(stage, tmp_path) as extender:
        metadata = (await a_pod_of_the_cluster(stage))["metadata"]
        args = {"PodName": metadata["name"], "PodNamespace": "default", "PodUID": metadata["uid"], "Node": "arm64-0"}
        assert await extender.post("bind", args) == (200, {"Error": ""})
        assert await extender.post("bind", args) == (200, {"Error": ""})  # an answer that was lost is asked for again
        _, answer = await extender.post("bind", {**args, "Node": "arm64-1"})
        assert answer["Error"].startswith("conflict: the pod is already assigned to node arm64-0")
        _, answer = await extender.post("bind", {**args, "PodName": "nobody"})
        assert answer["Error"].startswith("gone: ")


async def test_bodies_that_are_none_neither_crash_it_nor_make_it_grow(stage: SandboxStage, tmp_path: Path) -> None:
    async with running(stage, tmp_path, "listening: {maxBodyMegabytes: 16}") as extender:
        bodies = (b"", b"{", b"\xff" * 1000, b"[" * 1_000_000, b'{"Pod":' * 100_000, b'{"Pod":{}}', b"x" * 15_000_000)
        for _ in range(2):
            for body in bodies:
                status, answer = await extender.post("filter", body)
                assert status == 200
                assert answer["Error"].startswith("multiarch-extender: ")
        before = _resident(extender.process.pid)
        for _ in range(20):
            for body in bodies:
                await extender.post("filter", body)
        with contextlib.suppress(aiohttp.ClientError):  # the refusal may overtake what is being sent
            assert (await extender.post("filter", b"x" * 100_000_000))[0] == 413
        assert (await extender.post("filter", b"{}"))[0] == 200
        # Of twenty times 20 MB something would be left; what an allocator keeps for the next body is less.
        assert _resident(extender.process.pid) < before + 60e6


async def test_it_drains(stage: SandboxStage, tmp_path: Path) -> None:
    async with running(stage, tmp_path, "listening: {drainSeconds: 0.5}") as extender:
        pod = await a_pod_of_the_cluster(stage)
        body = {"Pod": pod, "Nodes": None, "NodeNames": ["arm64-0"]}
        extender.process.send_signal(signal.SIGTERM)
        await extender.said(r"\] stopping ")
        status, text = await extender.get("/readyz")
        assert (status, "lookups failed: stopping" in text) == (500, True)
        assert (await extender.post("filter", body))[1]["NodeNames"] == ["arm64-0"]
        assert await asyncio.wait_for(extender.process.wait(), 10) == 0


@pytest.mark.parametrize(
    ("settings", "phrase"),
    [
        ("listening: {tls: {certificate: /nowhere.crt, key: /nowhere.key}}", "cannot serve with TLS.*/nowhere.crt"),
        ("listening: {host: 192.0.2.1}", "cannot serve"),
        ("kube: {context: other}", "cannot connect.*other"),
    ],
)
async def test_what_keeps_it_from_serving_ends_it_with_a_message(
    stage: SandboxStage, tmp_path: Path, settings: str, phrase: str
) -> None:
    file = tmp_path / "extender.yaml"
    file.write_text(settings)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "extender", "run", f"--config={file}", f"--kubeconfig={stage.kubeconfig}"),
        *("--port=0", "--health-port=0"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert re.search(phrase, errors.decode())


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(float(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


async def test_delegated_it_knows_namespaces_by_their_labels(stage: SandboxStage, tmp_path: Path) -> None:
    """A pod that wants to be beside those of certain namespaces finds them."""
    await create(stage, [a_namespace("storage", {"tier": "data"}), a_namespace("other", {})], "/api/v1/namespaces")
    for namespace, where in (("storage", "arm64-1"), ("other", "arm64-0")):
        await create(stage, [placed("db", where, stage, namespace)], f"/api/v1/namespaces/{namespace}/pods")
    pod = await a_pod_of_the_cluster(stage)
    term = {
        "namespaceSelector": {"matchLabels": {"tier": "data"}},
        "labelSelector": {"matchLabels": {"app": "db"}},
        "topologyKey": "kubernetes.io/hostname",
    }
    pod["spec"]["affinity"] = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    pod["metadata"]["resourceVersion"] += "1"
    async with running(stage, tmp_path, "answering: {delegated: true}") as extender:
        _, answer = await extender.post("filter", {"Pod": pod, "Nodes": None, "NodeNames": list(NODES)})
        assert answer["NodeNames"] == ["arm64-1"]


async def test_delegated_it_spreads_the_pods_of_a_service(stage: SandboxStage, tmp_path: Path) -> None:
    """kube-scheduler's default constraints: without the service, the emptier node would be the better one."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop", "namespace": "default"}}
    service["spec"] = {"selector": {"app": "inference"}, "ports": [{"port": 80}]}
    pods = [placed("inference", "arm64-0", stage, name=f"first-{number}", cpu="10m") for number in range(3)]
    pods.append(placed("batch", "arm64-1", stage, cpu="2"))
    await create(stage, pods, PODS)
    pod = await a_pod_of_the_cluster(stage)
    for given, expected in (([], "arm64-0"), ([service], "arm64-1")):
        await create(stage, given, "/api/v1/namespaces/default/services")
        async with running(stage, tmp_path, "answering: {delegated: true}") as extender:
            _, answer = await extender.post("filter", {"Pod": pod, "Nodes": None, "NodeNames": list(NODES)})
            assert answer["NodeNames"] == [expected]


def a_namespace(name: str, labels: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def placed(
    app: str, node: str, stage: SandboxStage, namespace: str = "default", *, name: str = "", cpu: str = "100m"
) -> dict[str, Any]:
    """A pod that is on a node already."""
    container = {"name": "main", "image": f"{stage.registry}/shop/inference:0.9"}
    container["resources"] = {"requests": {"cpu": cpu, "memory": "64Mi"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name or app, "namespace": namespace, "labels": {"app": app}},
        "spec": {"nodeName": node, "containers": [container]},
    }
