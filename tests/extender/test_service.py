"""Calls are answered in time whatever happens, with errors where kube-scheduler looks for them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from extender.loops.known_pods import KnownPods
from extender.loops.looking_up import LookUps
from extender.loops.pod_writes import PodName
from extender.loops.second_looks import SecondLooks
from extender.metrics import Metrics
from extender.server.messages import Request, Response
from extender.service import FAULT, Service, Timing
from extender.verbs.delegate import Delegate
from extender.verbs.filter import Filter, Filtering
from extender.verbs.judging import Judge
from extender.verbs.promises import Promises
from extender.verbs.unknown_images import UnknownImages
from extender.wire.arguments import ExtenderBindingArgs
from scheduler.cluster.cache import Cache
from scheduler.images.content import ImageAnswer
from scheduler.images.platform_weights import PlatformWeights
from scheduler.images.unknown_policy import parse_unknown_policy
from scheduler.oci.credentials import Keyring
from scheduler.plugins.catalogue import default_profile
from scheduler.plugins.image_platform import ImagePlatform
from tests.extender.builders import (
    UNREACHABLE,
    a_mixed_cache,
    a_node_document,
    a_pod,
    a_pod_document,
    an_index,
    extender_args,
)

ARM = an_index("linux/arm64")
WAIT, DEADLINE = 0.1, 0.3


class SlowResolver:
    """Answers when the test lets it."""

    def __init__(self) -> None:
        self.answer: ImageAnswer = ARM
        self.go = asyncio.Event()

    def known(self, image: str, scope: str = "") -> None:
        return None

    async def resolve(self, image: str, credentials: Keyring, *, fresh: bool = False) -> ImageAnswer:
        await self.go.wait()
        return self.answer


class Served:
    """A service over a cluster of two arm64, two amd64 and one Windows node."""

    def __init__(self, make_filtering: Callable[[Cache, Promises], Filtering] | None = None) -> None:
        self.cache = a_mixed_cache()
        self.resolver = SlowResolver()
        self.metrics = Metrics()
        self.woken: list[PodName] = []
        self.nominated: list[str] = []
        self.not_ready: str | None = None
        self.bind: Callable[[ExtenderBindingArgs], Awaitable[str]] = self._bind
        self.bound: list[ExtenderBindingArgs] = []
        resolver: Any = self.resolver
        self.look_ups = LookUps(resolver, None, self.woken.append, self.metrics, refresh=600.0)
        self.known_pods = KnownPods(self.cache.classes)
        self.promises = Promises(self.cache, 60.0)
        judge = Judge(self.cache, ImagePlatform())
        self.service = Service(
            self.cache,
            Filter(judge) if make_filtering is None else make_filtering(self.cache, self.promises),
            judge,
            self.look_ups,
            self.known_pods,
            SecondLooks(judge.possible, lambda info: None),
            self.promises,
            UnknownImages(parse_unknown_policy("wait"), 600.0, parse_unknown_policy("open"), lambda name: {}),
            PlatformWeights({"linux/arm64": 100}),
            self._bind_as_told,
            lambda pod: self.nominated.append(pod.metadata.uid),
            self.metrics,
            Timing(WAIT, DEADLINE),
            lambda: self.not_ready,
        )

    def _bind_as_told(self, args: ExtenderBindingArgs) -> Awaitable[str]:
        return self.bind(args)

    async def _bind(self, args: ExtenderBindingArgs) -> str:
        self.bound.append(args)
        return "gone: no such pod" if args.pod_name == "gone" else ""

    async def call(self, path: str, body: bytes, method: str = "POST") -> Response:
        answer = self.service(Request(method.encode(), path.encode(), body))
        return answer if isinstance(answer, Response) else await answer

    async def ask(self, path: str, body: bytes) -> Any:
        response = await self.call(path, body)
        assert response.status == 200
        return json.loads(response.body)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served()
    yield made
    await made.look_ups.stop()


NAMES = extender_args(names=["arm-0", "amd-0"])


async def test_a_pod_whose_images_are_known_is_answered_at_once(served: Served) -> None:
    served.resolver.go.set()
    served.look_ups.seen(a_pod())
    await asyncio.sleep(0.01)
    assert isinstance(served.service(Request(b"POST", b"/filter", NAMES)), Response)
    assert (await served.ask("/filter", NAMES))["NodeNames"] == ["arm-0"]
    assert 'extender_requests_total{result="ok",verb="filter"} 2.0' in served.metrics.exposition().decode()


async def test_a_pod_is_read_again_only_if_it_is_not_as_the_watch_has_shown_it(served: Served) -> None:
    served.resolver.go.set()
    pod = a_pod(resourceVersion="7")
    look_up = served.look_ups.seen(pod)
    await asyncio.sleep(0.01)
    served.known_pods.seen(pod, look_up.known)
    elsewhere = a_pod_document(resourceVersion="7") | {"spec": {"nodeSelector": 7}}
    assert (await served.ask("/filter", extender_args(pod=elsewhere, names=["arm-0"])))["NodeNames"] == ["arm-0"]
    elsewhere["metadata"]["resourceVersion"] = "8"
    answer = await served.ask("/filter", extender_args(pod=elsewhere, names=["arm-0"]))
    assert "Pod cannot be read" in answer["Error"]


async def test_a_look_up_under_way_is_waited_for(served: Served) -> None:
    asyncio.get_running_loop().call_later(WAIT / 3, served.resolver.go.set)
    assert (await served.ask("/filter", NAMES))["NodeNames"] == ["arm-0"]


async def test_a_look_up_that_takes_too_long_is_answered_by_the_policy_and_its_pod_woken_later(served: Served) -> None:
    served.look_ups.seen(a_pod())
    began = time.monotonic()
    answer = await served.ask("/filter", NAMES)
    assert WAIT * 0.9 < time.monotonic() - began < DEADLINE
    assert answer["NodeNames"] == []
    (reason,) = set(answer["FailedAndUnresolvableNodes"].values())
    assert "its platforms are still being read" in reason
    assert answer["Error"] == ""
    assert 'extender_unknown_total{reason="pending",verb="filter"} 1.0' in served.metrics.exposition().decode()
    served.resolver.go.set()
    await asyncio.sleep(0.05)
    assert served.woken == [PodName("shop", "web-0", "uid-web-0")]


async def test_an_image_that_cannot_be_read_is_not_waited_for_again(served: Served) -> None:
    served.resolver.answer = UNREACHABLE
    served.resolver.go.set()
    served.look_ups.seen(a_pod())
    await asyncio.sleep(0.01)
    began = time.monotonic()
    answer = await served.ask("/filter", NAMES)
    assert time.monotonic() - began < WAIT / 2
    assert UNREACHABLE.message in answer["FailedAndUnresolvableNodes"]["arm-0"]


async def test_a_pod_that_the_sample_has_no_node_for_is_nominated_and_not_refused() -> None:
    served = Served(lambda cache, promises: Delegate(cache, default_profile("default-scheduler"), promises))
    served.resolver.go.set()
    served.look_ups.seen(a_pod())
    await asyncio.sleep(0.01)
    answer = await served.ask("/filter", extender_args(names=["amd-0", "win-0"]))
    assert answer["NodeNames"] == []
    assert set(answer["FailedNodes"]) == {"amd-0", "win-0"}
    assert served.nominated == ["uid-web-0"]
    assert served.promises.node("uid-web-0") in {"arm-0", "arm-1"}
    assert not served.look_ups.of(a_pod()).refused
    await served.look_ups.stop()


async def test_preemption_and_priorities(served: Served) -> None:
    served.resolver.go.set()
    victims = {name: {"Pods": [{"UID": "u"}], "NumPDBViolations": 0} for name in ("arm-0", "amd-0")}
    body = json.dumps({"Pod": a_pod_document(), "NodeNameToMetaVictims": victims}).encode()
    assert await served.ask("/preempt", body) == {"NodeNameToMetaVictims": {"arm-0": victims["arm-0"]}}
    assert await served.ask("/prioritize", NAMES) == [{"Host": "arm-0", "Score": 10}, {"Host": "amd-0", "Score": 0}]
    whole = extender_args(nodes=[a_node_document("new", "arm64")])
    assert await served.ask("/prioritize", whole) == [{"Host": "new", "Score": 10}]


def binding(pod: str) -> bytes:
    return json.dumps({"PodName": pod, "PodNamespace": "shop", "PodUID": "u", "Node": "arm-0"}).encode()


async def test_bind_says_what_went_wrong(served: Served) -> None:
    assert await served.ask("/bind", binding("web-0")) == {"Error": ""}
    assert served.bound[0].node == "arm-0"
    assert (await served.ask("/bind", binding("gone")))["Error"] == "gone: no such pod"


async def test_an_answer_comes_before_the_deadline_though_the_work_goes_on(served: Served) -> None:
    async def never(_args: ExtenderBindingArgs) -> str:
        await asyncio.sleep(60)
        return ""

    served.bind = never
    began = time.monotonic()
    assert "no answer within 0.3 s" in (await served.ask("/bind", binding("web-0")))["Error"]
    assert time.monotonic() - began < DEADLINE * 2


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"\xff", b"[" * 10_000, b'{"Pod":{"metadata":{"name":1}}}'])
async def test_a_malformed_call_gets_an_error_in_its_own_form(served: Served, body: bytes) -> None:
    assert "multiarch-extender: " in (await served.ask("/filter", body))["Error"]
    assert "multiarch-extender: " in (await served.ask("/bind", body))["Error"]
    for path in ("/preempt", "/prioritize"):
        assert (await served.call(path, body)).status == 500


async def test_a_pod_that_makes_no_sense_is_an_error_of_that_call(served: Served) -> None:
    served.resolver.go.set()
    body = extender_args(pod=a_pod_document(cpu="many"), names=["arm-0"])
    assert "many" in (await served.ask("/filter", body))["Error"]


async def test_a_fault_is_an_error_that_says_where_to_look(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_pod: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(served.look_ups, "of", fail)
    assert FAULT in (await served.ask("/filter", NAMES))["Error"]


async def test_before_the_watches_have_delivered_every_call_is_an_error(served: Served) -> None:
    served.not_ready = "waiting for the first list of nodes"
    assert "waiting for the first list of nodes" in (await served.ask("/filter", NAMES))["Error"]
    assert (await served.call("/preempt", b"")).status == 500


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/scale", 404), ("GET", "/filter", 405)])
async def test_what_is_no_verb_is_refused(served: Served, method: str, path: str, status: int) -> None:
    assert (await served.call(path, b"", method)).status == status
    assert f'extender_refused_requests_total{{status="{status}"}} 1.0' in served.metrics.exposition().decode()
