"""The unchanged commands serve gRPC: with the scheduler, and without it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import grpc.aio
import pytest

from scheduler.rpc.client import ImagePlatformClient
from scheduler.rpc.proto import image_platform_pb2 as pb
from scheduler.rpc.proto.expander_pb2 import BestOptionsResponse
from scheduler.sandbox.demo import create
from scheduler.sandbox.nodes import scenario_nodes
from scheduler.sandbox.registry_access import Access
from scheduler.sandbox.scenario import ScenarioImage
from scheduler.sandbox.stage import SandboxStage, sandbox_stage
from tests.rpc.builders import node_bytes, pod_bytes, question
from tests.rpc.serving import BEST_OPTIONS, Pki, channel


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[SandboxStage]:
    """An embedded cluster with nodes, and an image for ARM alone."""
    async with sandbox_stage(tmp_path) as stage:
        await create(stage, scenario_nodes(), "/api/v1/nodes")
        stage.push(ScenarioImage("shop/inference", "1", ("linux/arm64/v8",)))
        yield stage


def settings(folder: Path, pki: Pki | None, **groups: Any) -> Path:
    """A file of settings: YAML takes JSON."""
    rpc: dict[str, Any] = {"enabled": True, "host": "127.0.0.1", "port": 0}
    if pki is not None:
        rpc["tls"] = {"certificate": str(folder / "tls.crt"), "key": str(folder / "tls.key")}
    file = folder / "settings.yaml"
    file.write_text(json.dumps({"rpc": rpc, "serving": {"host": "127.0.0.1", "port": 0}, **groups}))
    return file


@contextlib.asynccontextmanager
async def started(folder: Path, *arguments: str | Path) -> AsyncIterator[tuple[str, str]]:
    """(gRPC address, HTTP address) of the command, which has to end well on SIGTERM."""
    log = folder / "log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scheduler", *arguments), stdout=output, stderr=output
        )
    try:
        ports = {}
        for _ in range(1000):
            ports = dict(re.findall(r"(rpc_port|health_port)=(\d+)", log.read_text()))
            if len(ports) == 2:
                break
            assert process.returncode is None, log.read_text()
            await asyncio.sleep(0.02)
        yield f"127.0.0.1:{ports['rpc_port']}", f"127.0.0.1:{ports['health_port']}"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 15) == 0, log.read_text()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def best_options(address: str, authority: Path | None, image: str) -> list[str]:
    pods = [pod_bytes("web", image, secrets=["pull"])]
    asked = question({"amd": (node_bytes("linux/amd64"), pods), "arm": (node_bytes("linux/arm64"), pods)})
    async with channel(address, authority) as connection:
        call = connection.unary_unary(BEST_OPTIONS, response_deserializer=BestOptionsResponse.FromString)
        response: Any = await call(asked.SerializeToString(), timeout=5)
        return [option.nodeGroupId for option in response.options]


async def test_the_expander_alone_reads_private_images_with_the_pods_pull_secrets(
    stage: SandboxStage, pki: Pki, tmp_path: Path
):
    stage.images.access = Access(users={"robot": "word"}, private=frozenset({"shop/inference"}))
    password = base64.b64encode(b"robot:word").decode()
    config = json.dumps({"auths": {stage.registry: {"auth": password}}}).encode()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "pull", "namespace": "shop"},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(config).decode()},
    }
    shop = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    await create(stage, [shop], "/api/v1/namespaces")
    await create(stage, [secret], "/api/v1/namespaces/shop/secrets")
    file = settings(tmp_path, pki)
    image = f"{stage.registry}/shop/inference:1"
    async with started(tmp_path, "expander", f"--config={file}", f"--kubeconfig={stage.kubeconfig}") as (rpc, http):
        assert await best_options(rpc, pki.authority, image) == ["arm"]
        async with ImagePlatformClient(rpc, authority=pki.authority) as client:
            (resolved,) = await client.resolve([image])
            assert resolved.failure.cause == "unauthorized"
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await client.explain("shop", "web")
            assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        async with aiohttp.ClientSession() as session:
            ready = await session.get(f"http://{http}/readyz")
            metrics = await (await session.get(f"http://{http}/metrics")).text()
        assert ready.status == 200
        assert (
            'grpc_server_handled_total{grpc_code="OK",grpc_method="BestOptions",grpc_service="grpcplugin.Expander"} 1.0'
            in metrics
        )
    assert "robot:word" not in (tmp_path / "log").read_text()


async def test_the_expander_alone_needs_no_api_server_where_pull_secrets_are_not_read(
    stage: SandboxStage, tmp_path: Path
):
    file = settings(tmp_path, None, images={"readPullSecrets": False}, kube={"kubeconfig": "/nowhere"})
    async with started(tmp_path, "expander", f"--config={file}") as (rpc, _):
        assert await best_options(rpc, None, f"{stage.registry}/shop/inference:1") == ["arm"]


async def test_the_scheduler_explains_its_pods_on_the_nodes_of_its_cluster(stage: SandboxStage, tmp_path: Path):
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "inference", "namespace": "default"},
        "spec": {
            "schedulerName": "multiarch-scheduler",
            "containers": [{"name": "main", "image": f"{stage.registry}/shop/inference:1"}],
        },
    }
    await create(stage, [pod], "/api/v1/namespaces/default/pods")
    file = settings(tmp_path, None, leaderElection={"leaderElect": False})
    async with (
        started(tmp_path, "run", f"--config={file}", f"--kubeconfig={stage.kubeconfig}") as (rpc, _),
        ImagePlatformClient(rpc) as client,
    ):
        explained = await eventually_explained(client)
        by_outcome = {pb.OUTCOME_MATCH: set(), pb.OUTCOME_NO_MATCH: set()}
        for verdict in explained.verdicts:
            by_outcome[verdict.outcome].update(verdict.nodes)
        assert by_outcome[pb.OUTCOME_MATCH] == {"arm64-0", "arm64-1"}
        assert {"amd64-0", "win2022-0"} <= by_outcome[pb.OUTCOME_NO_MATCH]
        assert await best_options(rpc, None, f"{stage.registry}/shop/inference:1") == ["arm"]


async def eventually_explained(client: ImagePlatformClient) -> pb.ExplainResponse:
    """Once the scheduler has seen the pod and the nodes."""
    for _ in range(500):
        try:
            explained = await client.explain("default", "inference")
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
        else:
            if explained.verdicts:
                return explained
        await asyncio.sleep(0.02)
    pytest.fail("the scheduler never saw the pod")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"rpc": {"host": "192.0.2.1"}}, "rpc.tls: is needed to listen on 192.0.2.1"),
        ({"kube": {"kubeconfig": "/nowhere"}}, "/nowhere"),
        (
            {"rpc": {"host": "127.0.0.1", "tls": {"certificate": "/nowhere.crt", "key": "/nowhere.key"}}},
            "certificate /nowhere.crt with key /nowhere.key",
        ),
        ({"images": {"readPullSecrets": False, "registries": {"caFiles": ["/nowhere.pem"]}}}, "/nowhere.pem"),
    ],
)
async def test_what_keeps_the_expander_from_starting_is_one_sentence(
    tmp_path: Path, change: dict[str, Any], complaint: str
):
    groups = {"images": {"readPullSecrets": "kube" in change}, **change}
    file = settings(tmp_path, None, **groups)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scheduler", "expander", f"--config={file}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert complaint in output.decode()
    assert "Traceback" not in output.decode()
