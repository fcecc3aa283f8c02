"""The expander over real sockets: what an autoscaler gets for what it asks."""

from __future__ import annotations

import random
import time

import grpc
import grpc.aio
import pytest

from scheduler.config.rpc import ExpanderSettings
from scheduler.kube.errors import ServerError
from scheduler.rpc.proto.expander_pb2 import BestOptionsRequest
from scheduler.sandbox.registry_faults import hang
from tests.rpc.builders import node_bytes, pod_bytes, question
from tests.rpc.serving import Pki, Served, served, until

AMD64, ARM64, WINDOWS = node_bytes("linux/amd64"), node_bytes("linux/arm64"), node_bytes("windows/amd64")
SECOND = ExpanderSettings(deadline_seconds=0.3)


def groups(pods: list[bytes], *, old: bool = False) -> BestOptionsRequest:
    """Three groups, each with room for all pods."""
    return question({"amd": (AMD64, pods), "arm": (ARM64, pods), "win": (WINDOWS, pods)}, old=old)


@pytest.mark.parametrize("old", [False, True], ids=["bytes", "messages"])
async def test_groups_that_cannot_run_the_images_are_dropped_in_either_form_over_tls(pki: Pki, *, old: bool):
    async with served(tls=pki.settings()) as expander:
        expander.registry.push_index("shop/web", "1", ("linux/amd64", "linux/arm64"))
        expander.registry.push_image("shop/ledger", "1", "linux/amd64")
        both, ledger = (pod_bytes(name, expander.image(f"shop/{name}:1")) for name in ("web", "ledger"))
        assert await expander.best_options(groups([both], old=old), authority=pki.authority) == ["amd", "arm"]
        assert await expander.best_options(groups([both, ledger], old=old), authority=pki.authority) == ["amd"]


async def test_bytes_are_preferred_where_both_forms_are_sent():
    async with served() as expander:
        expander.registry.push_image("shop/web", "1", "linux/arm64")
        request = groups([pod_bytes("web", expander.image("shop/web:1"))])
        for option in request.options:
            option.pod.append(pod_bytes("other", "UPPER"))
            request.nodeMap[option.nodeGroupId] = node_bytes("linux/s390x")
        assert await expander.best_options(request) == ["arm"]


async def test_the_operator_s_weights_choose_among_groups_that_can_run_all():
    async with served(images={"platform_weights": {"linux/arm64": 100}}) as expander:
        expander.registry.push_index("shop/web", "1", ("linux/amd64", "linux/arm64"))
        assert await expander.best_options(groups([pod_bytes("web", expander.image("shop/web:1"))])) == ["arm"]


async def test_a_group_without_template_is_kept():
    async with served() as expander:
        expander.registry.push_image("shop/web", "1", "linux/arm64")
        pods = [pod_bytes("web", expander.image("shop/web:1"))]
        asked = question({"amd": (AMD64, pods), "new": (None, pods), "arm": (ARM64, pods)})
        assert await expander.best_options(asked) == ["new", "arm"]


@pytest.mark.parametrize(("answer", "expected"), [("all", ["amd", "arm", "win"]), ("none", [])])
async def test_when_no_group_helps_the_answer_is_empty_only_if_the_operator_asked_for_it(
    answer: str, expected: list[str]
):
    async with served(expander=ExpanderSettings(when_none_fits=answer)) as expander:
        expander.registry.push_image("shop/mainframe", "1", "linux/s390x")
        pods = [pod_bytes("mainframe", expander.image("shop/mainframe:1"))]
        assert await expander.best_options(groups(pods)) == expected


async def test_an_operator_who_wants_nothing_answered_still_gets_groups_for_unknown_images():
    async with served(expander=ExpanderSettings(when_none_fits="none")) as expander:
        assert await expander.best_options(groups([pod_bytes("lost", expander.image("shop/lost:1"))])) == [
            "amd",
            "arm",
            "win",
        ]


async def test_a_registry_that_does_not_answer_costs_the_deadline_and_no_group():
    async with served(expander=SECOND) as expander:
        expander.registry.push_image("shop/ledger", "1", "linux/amd64")
        expander.registry.inject(hang(), repository="shop/slow")
        slow, ledger = (pod_bytes(name, expander.image(f"shop/{name}:1")) for name in ("slow", "ledger"))
        started = time.monotonic()
        assert await expander.best_options(groups([slow, slow, ledger])) == ["amd"]
        assert 0.3 <= time.monotonic() - started < 4


async def test_a_caller_in_a_hurry_is_answered_before_it_gives_up():
    async with served(expander=ExpanderSettings(deadline_seconds=4.9)) as expander:
        expander.registry.inject(hang())
        started = time.monotonic()
        asked = groups([pod_bytes("slow", expander.image("shop/slow:1"))])
        assert await expander.best_options(asked, seconds=2.5) == ["amd", "arm", "win"]
        assert time.monotonic() - started < 2.5


async def test_a_known_image_is_not_asked_for_again():
    async with served() as expander:
        expander.registry.push_image("shop/web", "1", "linux/arm64")
        asked = groups([pod_bytes("web", expander.image("shop/web:1"))])
        for _ in range(3):
            assert await expander.best_options(asked) == ["arm"]
        assert expander.registry.count("HEAD", "manifest") == 1


async def test_a_time_too_short_to_read_the_question_answers_all_groups():
    async with served(expander=ExpanderSettings(deadline_seconds=1e-9)) as expander:
        expander.registry.push_image("shop/web", "1", "linux/arm64")
        pods = [pod_bytes("web", expander.image("shop/web:1"))]
        assert await expander.best_options(groups(pods)) == ["amd", "arm", "win"]
        assert not expander.registry.requests


async def test_nothing_asked_is_nothing_answered():
    async with served() as expander:
        assert await expander.best_options(BestOptionsRequest()) == []


class Vault:
    """Where pull secrets are; ``broken`` as long as the API server is down."""

    def __init__(self, *, broken: bool) -> None:
        self.broken = broken
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    async def read(self, namespace: str, names: tuple[str, ...]) -> list[tuple[str, bytes]]:
        self.asked.append((namespace, names))
        if self.broken:
            raise ServerError("etcd is away")
        return []


@pytest.mark.parametrize(("broken", "expected"), [(False, ["arm"]), (True, ["amd", "arm", "win"])])
async def test_pull_secrets_are_read_and_an_api_server_that_is_down_leaves_images_unknown(
    expected: list[str], *, broken: bool
):
    vault = Vault(broken=broken)
    async with served(secrets=vault) as expander:
        expander.registry.push_image("shop/web", "1", "linux/arm64")
        pods = [pod_bytes(name, expander.image("shop/web:1"), secrets=["pull"]) for name in ("a", "b")]
        assert await expander.best_options(groups(pods)) == expected
        assert vault.asked == [("shop", ("pull",))]


async def test_pods_of_a_runtime_class_that_is_skipped_can_run_everywhere():
    async with served(images={"runtime_classes": {"emulated": "skip"}}) as expander:
        expander.registry.push_image("shop/web", "1", "linux/arm64")
        pod = pod_bytes("web", expander.image("shop/web:1"), runtime_class="emulated")
        assert await expander.best_options(groups([pod])) == ["amd", "arm", "win"]


async def failure(expander: Served, body: bytes | BestOptionsRequest) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await expander.best_options(body)
    return raised.value


async def test_a_request_that_is_no_message_is_refused():
    async with served() as expander:
        error = await failure(expander, b"\x0a\xff\xff\xff\xff\x0f")
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "grpcplugin.BestOptionsRequest" in (error.details() or "")


async def test_a_pod_or_node_that_is_none_is_refused_and_named():
    async with served() as expander:
        error = await failure(expander, question({"a": (AMD64, [b"\x0a\xff"])}))
        assert (error.code(), "a pod is no Pod" in str(error.details())) == (grpc.StatusCode.INVALID_ARGUMENT, True)
        error = await failure(expander, question({"a": (b"\x0a\xff", [])}))
        assert (error.code(), "the node of a is no Node" in str(error.details())) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            True,
        )


async def test_a_request_that_is_too_large_is_refused_and_the_next_one_answered():
    async with served(max_request_megabytes=1) as expander:
        error = await failure(expander, question({"a": (AMD64, [bytes(2**20)])}))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await expander.best_options(question({"a": (AMD64, [])})) == ["a"]


async def test_requests_above_four_megabytes_are_taken():
    async with served() as expander:
        expander.registry.push_image("shop/web", "1", "linux/arm64")
        pods = [pod_bytes(f"web-{number}" + "x" * 60_000, expander.image("shop/web:1")) for number in range(100)]
        request = groups(pods)
        assert request.ByteSize() > 16 * 2**20
        assert await expander.best_options(request) == ["arm"]


async def test_a_fault_of_ours_is_a_status_that_tells_nothing_of_it(monkeypatch: pytest.MonkeyPatch):
    async with served() as expander:
        monkeypatch.setattr("scheduler.rpc.expander.rank", lambda *_: 1 // 0)
        error = await failure(expander, groups([]))
        assert (error.code(), error.details()) == (
            grpc.StatusCode.INTERNAL,
            "a fault of the server; its log tells more",
        )
        handled = {"grpc_service": "grpcplugin.Expander", "grpc_method": "BestOptions", "grpc_code": "INTERNAL"}
        await until(lambda: expander.metrics.get_sample_value("grpc_server_handled_total", handled) == 1)


async def test_damaged_requests_are_answered_or_refused_never_a_fault():
    async with served(expander=SECOND) as expander:
        expander.registry.push_image("shop/web", "1", "linux/arm64")
        whole = groups([pod_bytes("web", expander.image("shop/web:1"))]).SerializeToString()
        chance = random.Random(7)
        codes = set()
        for _ in range(300):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            try:
                await expander.best_options(bytes(damaged[: chance.randint(1, len(damaged))]))
                codes.add(grpc.StatusCode.OK)
            except grpc.aio.AioRpcError as error:
                codes.add(error.code())
        assert codes == {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
