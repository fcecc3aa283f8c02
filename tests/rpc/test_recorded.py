"""Requests that cluster-autoscaler's own client wrote are read to the last field that is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.images.content import ImageContent, declared_content
from scheduler.images.platform import parse_platform
from scheduler.rpc.objects import PodDemand, read_demand, read_platform
from scheduler.rpc.proto.expander_pb2 import BestOptionsRequest
from tests.rpc.serving import served

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.bin"))
SHOP = "registry.example/shop"


def built_for(*platforms: str) -> ImageContent:
    return declared_content(tuple(map(parse_platform, platforms)))


@pytest.fixture(params=RECORDED, ids=[path.stem for path in RECORDED])
def request_bytes(request: pytest.FixtureRequest) -> bytes:
    path: Path = request.param
    return path.read_bytes()


def test_releases_that_write_messages_or_bytes_or_both_are_recorded():
    requests = [BestOptionsRequest.FromString(path.read_bytes()) for path in RECORDED]
    forms = {(bool(request.nodeMap), bool(request.nodeBytesMap)) for request in requests}
    assert forms == {(True, False), (True, True), (False, True)}


def test_nodes_and_pods_are_read(request_bytes: bytes):
    request = BestOptionsRequest.FromString(request_bytes)
    nodes = request.nodeBytesMap or request.nodeMap
    assert {group: str(read_platform(node)) for group, node in nodes.items()} == {
        "amd": "linux/amd64",
        "arm": "linux/arm64",
        "win": "windows/amd64",
    }
    for option in request.options:
        web, ledger = (read_demand(pod) for pod in option.podBytes or option.pod)
        assert sources(web) == {"container main": f"{SHOP}/web:1"}
        assert sources(ledger) == {
            "volume model": f"{SHOP}/model:1",
            "init container setup": f"{SHOP}/setup:1",
            "container main": f"{SHOP}/ledger:1",
        }
        assert (ledger.namespace, ledger.pull_secrets) == ("shop", ("pull",))
        assert (ledger.required_os, ledger.runtime_class) == ("linux", "gvisor")


def sources(demand: PodDemand) -> dict[str, str]:
    return {image.source: image.image for image in demand.images}


async def test_the_groups_that_can_run_most_are_answered(request_bytes: bytes):
    async with served() as expander:
        expander.resolver.declare(
            {
                f"{SHOP}/web:1": built_for("linux/amd64", "linux/arm64"),
                f"{SHOP}/ledger:1": built_for("linux/amd64", "linux/arm64"),
                f"{SHOP}/setup:1": built_for("linux/arm64"),
                f"{SHOP}/model:1": built_for("linux/amd64", "linux/arm64"),
            }
        )
        assert await expander.best_options(request_bytes) == ["arm"]
