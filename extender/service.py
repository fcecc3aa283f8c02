"""The verbs as a service: a request's bytes in, an answer's bytes out, always within the deadline.

Owns what surrounds a decision: decoding, waiting a moment for images that are being looked up, the deadline, faults,
metrics. What is decided is in ``verbs``; what is known of images, in ``loops.looking_up``. A call that needs no waiting
is answered in the same turn of the event loop.

Errors: filter and bind have a field for them. prioritize and preempt have none, so they get a status that is not 200,
which kube-scheduler treats alike.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from extender.loops.known_pods import KnownPods
from extender.loops.looking_up import LookUp, LookUps
from extender.loops.second_looks import SecondLooks
from extender.metrics import Metrics
from extender.server.messages import Request, Response, text
from extender.verbs.filter import Filtering
from extender.verbs.judging import Judge
from extender.verbs.preempt import preempt
from extender.verbs.prioritize import prioritize_names, prioritize_nodes
from extender.verbs.promises import Promises
from extender.verbs.unknown_images import UnknownImages
from extender.wire.answers import binding_result, filter_error, preemption_result, priorities
from extender.wire.arguments import (
    Body,
    ExtenderArgs,
    ExtenderBindingArgs,
    MalformedBody,
    is_given,
    read_binding_args,
    read_extender_args,
    read_node_names,
    read_preemption_args,
)
from scheduler.api.pod import Pod
from scheduler.api.quantity import InvalidQuantity
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo, make_pod_info
from scheduler.framework.status import AttemptError
from scheduler.images.platform_weights import PlatformWeights

log = structlog.get_logger()

Bind = Callable[[ExtenderBindingArgs], Awaitable[str]]
"""Creates a binding; returns what went wrong, empty if nothing did."""

Nominate = Callable[[Pod], None]
"""Sees to it that a pod is nominated to the node that it was promised, without waiting."""

UNANSWERABLE = (MalformedBody, InvalidQuantity, AttemptError)
"""What a call itself is to blame for."""

FAULT = "internal error, see the extender's log"

Answer = Response | Awaitable[Response]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, from the arrival of a call. ``wait``: for images; ``deadline``: for everything."""

    wait: float
    deadline: float


class Service:
    """The handler of the listener. ``why_not_ready`` is asked before each call.

    ``logs_access``: each call is a line at level debug; putting one together that nobody reads would cost a tenth.
    """

    def __init__(
        self,
        cache: Cache,
        filtering: Filtering,
        judge: Judge,
        look_ups: LookUps,
        known_pods: KnownPods,
        second_looks: SecondLooks,
        promises: Promises,
        unknown_images: UnknownImages,
        weights: PlatformWeights,
        bind: Bind,
        nominate: Nominate,
        metrics: Metrics,
        timing: Timing,
        why_not_ready: Callable[[], str | None],
        *,
        logs_access: bool = False,
    ) -> None:
        self._cache = cache
        self._filtering = filtering
        self._judge = judge
        self._look_ups = look_ups
        self._known_pods = known_pods
        self._second_looks = second_looks
        self._promises = promises
        self._unknown_images = unknown_images
        self._weights = weights
        self._bind = bind
        self._nominate = nominate
        self._metrics = metrics
        self._timing = timing
        self._why_not_ready = why_not_ready
        self._logs_access = logs_access
        self._verbs = {
            b"/filter": _Verb("filter", self._filter, _filter_failed),
            b"/prioritize": _Verb("prioritize", self._prioritize, _failed),
            b"/preempt": _Verb("preempt", self._preempt, _failed),
            b"/bind": _Verb("bind", self._bound, _bind_failed),
        }

    def __call__(self, request: Request) -> Answer:
        verb = self._verbs.get(request.path)
        if verb is None:
            return self._refused(
                404, f"no such verb; known are {', '.join(f'/{v.name}' for v in self._verbs.values())}"
            )
        if request.method != b"POST":
            return self._refused(405, "verbs are called with POST")
        started = time.perf_counter()
        problem = self._why_not_ready()
        if problem is not None:
            return self._done(verb, started, verb.failed(f"not ready: {problem}"), error=True)
        try:
            answer = verb.answer(request.body)
        except UNANSWERABLE as error:
            return self._unanswerable(verb, started, error)
        except Exception:
            log.exception("call failed", verb=verb.name)
            return self._done(verb, started, verb.failed(FAULT), error=True)
        if isinstance(answer, Response):
            return self._done(verb, started, answer)
        return self._later(verb, started, answer)

    # The verbs

    def _filter(self, body: Body) -> Answer:
        args = read_extender_args(body, self._known_pods.find)
        return self._with_images(args.pod, lambda look_up: self._filtered(args, look_up))

    def _filtered(self, args: ExtenderArgs, look_up: LookUp) -> Response:
        info, wake_in = self._pod_info("filter", args.pod, look_up)
        answer = self._filtering(args, info, time.monotonic())
        if answer.nominated is not None:
            self._nominate(args.pod)
        elif not answer.nodes_out:
            self._look_ups.refuse(args.pod, look_up, wake_in)
            self._second_looks.refused(info, asyncio.get_running_loop().time())
        self._metrics.nodes("filter", answer.nodes_in, answer.nodes_out)
        if self._logs_access:
            log.debug("filter", pod=args.pod.key, nodes=answer.nodes_in, kept=answer.nodes_out)
        return Response(200, answer.body)

    def _prioritize(self, body: Body) -> Response:
        args = read_extender_args(body, self._known_pods.find)
        if is_given(args.node_names):
            scores = list(prioritize_names(read_node_names(args.node_names), self._weights, self._cache.nodes))
        else:
            scores = list(prioritize_nodes(args.nodes, self._weights))
        self._metrics.nodes("prioritize", len(scores), len(scores))
        if self._logs_access:
            log.debug("prioritize", pod=args.pod.key, nodes=len(scores))
        return Response(200, priorities(scores))

    def _preempt(self, body: Body) -> Answer:
        args = read_preemption_args(body)

        def answer(look_up: LookUp) -> Response:
            given = args.node_name_to_meta_victims or args.node_name_to_victims or {}
            info, _ = self._pod_info("preempt", args.pod, look_up)
            kept = preempt(args, info, self._judge, self._promises)
            self._metrics.nodes("preempt", len(given), len(kept))
            if self._logs_access:
                log.debug("preempt", pod=args.pod.key, nodes=len(given), kept=len(kept))
            return Response(200, preemption_result(kept))

        return self._with_images(args.pod, answer)

    async def _bound(self, body: Body) -> Response:
        args = read_binding_args(body)
        problem = await self._bind(args)
        if self._logs_access:
            log.debug("bind", pod=f"{args.pod_namespace}/{args.pod_name}", node=args.node, problem=problem)
        return Response(200, binding_result(problem))

    # What they share

    def _with_images(self, pod: Pod, answer: Callable[[LookUp], Response]) -> Answer:
        """The answer by what is known of the pod's images: at once, unless waiting a moment may help."""
        look_up = self._look_ups.of(pod)
        if not look_up.is_under_way:
            return answer(look_up)
        return self._once_looked_up(pod, answer, asyncio.get_running_loop().time() + self._timing.wait)

    async def _once_looked_up(self, pod: Pod, answer: Callable[[LookUp], Response], deadline: float) -> Response:
        return answer(await self._look_ups.settled(pod, deadline))

    def _pod_info(self, verb: str, pod: Pod, look_up: LookUp) -> tuple[PodInfo, float | None]:
        """The pod with its images as they are to be judged; and after how many seconds that will change by itself."""
        failure = look_up.unknown
        if failure is None:
            return self._known_pods.info(pod, look_up.images), None
        waited = look_up.waited(pod, asyncio.get_running_loop().time())
        settled = self._unknown_images.settle(pod, look_up.images, waited)
        self._metrics.unknown(verb, failure.cause)
        log.info("images not known", verb=verb, pod=pod.key, why=failure.message, policy=str(settled.policy.action))
        if settled.problem is not None:
            log.warning("policy passed over", pod=pod.key, why=settled.problem)
        return make_pod_info(pod, settled.images, self._cache.classes), settled.wake_in

    async def _later(self, verb: _Verb, started: float, answer: Awaitable[Response]) -> Response:
        try:
            async with asyncio.timeout(self._timing.deadline):
                response = await answer
        except TimeoutError:
            problem = f"no answer within {self._timing.deadline:g} s"
            return self._done(verb, started, verb.failed(problem), error=True)
        except UNANSWERABLE as error:
            return self._unanswerable(verb, started, error)
        except Exception:
            log.exception("call failed", verb=verb.name)
            return self._done(verb, started, verb.failed(FAULT), error=True)
        return self._done(verb, started, response)

    def _unanswerable(self, verb: _Verb, started: float, error: Exception) -> Response:
        log.warning("call cannot be answered", verb=verb.name, why=str(error))
        return self._done(verb, started, verb.failed(str(error)), error=True)

    def _done(self, verb: _Verb, started: float, response: Response, *, error: bool = False) -> Response:
        self._metrics.answered(verb.name, time.perf_counter() - started, error=error)
        return response

    def _refused(self, status: int, message: str) -> Response:
        self._metrics.refused(status)
        return text(status, message)


@dataclass(frozen=True, slots=True)
class _Verb:
    name: str
    answer: Callable[[Body], Answer]
    failed: Callable[[str], Response]
    """The answer that says what went wrong."""


def _filter_failed(problem: str) -> Response:
    return Response(200, filter_error(f"multiarch-extender: {problem}"))


def _bind_failed(problem: str) -> Response:
    return Response(200, binding_result(f"multiarch-extender: {problem}"))


def _failed(problem: str) -> Response:
    return text(500, problem)
