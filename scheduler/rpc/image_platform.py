"""The ImagePlatform API: what images are built for, where pods can run by them, and what changes.

Owns what each method takes and refuses. What is known of images comes from ``looking_up``, what changes from
``changes``, the verdicts from ``images.matching``; ``messages`` writes them down.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

import grpc
import msgspec

from scheduler.api.pod import Pod
from scheduler.images.matching import MatchRules, match_pod
from scheduler.images.node_platform import NodePlatform, typical_node
from scheduler.images.platform import InvalidPlatform, parse_platform
from scheduler.images.pod_images import ResolvedImage
from scheduler.rpc.calls import Method, Refused
from scheduler.rpc.changes import ImageChanges, News, TooSlow
from scheduler.rpc.known_cluster import Situation
from scheduler.rpc.looking_up import LookUps
from scheduler.rpc.messages import image_message, pod_image_message, verdict_message
from scheduler.rpc.objects import demand_of
from scheduler.rpc.proto import image_platform_pb2 as pb

MOST_IMAGES = 1000
"""In one question."""
MOST_PLATFORMS = 100

NO_DEADLINE_SECONDS = 60.0
"""For callers without a deadline; longer than registries are given to answer, by default."""

ROUND_SECONDS = 2.0
"""How long Watch waits for registries before it says that an image is pending, and asks again."""

PAUSE_SECONDS = 5.0
"""Between two looks at the images that somebody watches; their registries are asked as seldom as the settings say."""


class Cluster(Protocol):
    """What is known of the cluster, where anything is."""

    def pod(self, namespace: str, name: str) -> Pod | None:
        """The pod of this name."""

    def situations(self, images: Sequence[ResolvedImage]) -> list[Situation]:
        """All nodes, grouped by what they mean for these images."""


class ImagePlatforms:
    """The service ``imageplatform.v1.ImagePlatform``.

    ``cluster``: None where there is no picture of it. ``most_watches``: streams at once.
    """

    def __init__(
        self,
        look_ups: LookUps,
        changes: ImageChanges,
        rules: MatchRules,
        cluster: Cluster | None,
        *,
        most_watches: int,
    ) -> None:
        self._look_ups = look_ups
        self._changes = changes
        self._rules = rules
        self._cluster = cluster
        self._most_watches = most_watches
        self._watches = 0

    @property
    def methods(self) -> dict[str, Method]:
        return {"Resolve": self.resolve, "Explain": self.explain, "Watch": self.watch}

    async def resolve(self, request: pb.ResolveRequest, seconds: float | None) -> pb.ResolveResponse:
        """What images are built for. Raises Refused."""
        if not request.images:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "images: none is named")
        _at_most(MOST_IMAGES, "images", request.images)
        answers = await self._look_ups.images(request.images, _bounded(seconds))
        return pb.ResolveResponse(images=map(image_message, request.images, answers))

    async def explain(self, request: pb.ExplainRequest, seconds: float | None) -> pb.ExplainResponse:
        """Where a pod can run, by its images. Raises Refused."""
        _at_most(MOST_PLATFORMS, "platforms", request.platforms)
        platforms = [_platform(text) for text in request.platforms]
        if not platforms and self._cluster is None:
            raise Refused(
                grpc.StatusCode.FAILED_PRECONDITION, "this server watches no cluster: platforms have to be named"
            )
        pod = self._pod(request)
        demand = demand_of(pod)
        _at_most(MOST_IMAGES, "images of the pod", demand.images)
        if request.WhichOneof("pod") == "manifest":
            demand = msgspec.structs.replace(demand, pull_secrets=())
        (images,) = await self._look_ups.pods([demand], _bounded(seconds))
        if platforms or self._cluster is None:
            situations = [Situation(platform, images, []) for platform in platforms]
        else:
            situations = self._cluster.situations(images)
        verdicts = [
            verdict_message(
                situation.platform,
                match_pod(situation.images, demand.required_os, situation.platform, self._rules),
                situation.nodes,
            )
            for situation in situations
        ]
        return pb.ExplainResponse(images=map(pod_image_message, images), verdicts=verdicts)

    async def watch(self, request: pb.WatchRequest, _seconds: float | None) -> AsyncGenerator[pb.WatchResponse, None]:
        """What becomes known, for as long as the caller listens. Raises Refused."""
        _at_most(MOST_IMAGES, "images", request.images)
        if self._watches >= self._most_watches:
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{self._most_watches} streams are open, no more may be")
        self._watches += 1
        try:
            stream = self._watch_named(list(dict.fromkeys(request.images))) if request.images else self._watch_all()
            async with aclosing(stream):
                async for message in stream:
                    yield message
        finally:
            self._watches -= 1

    async def _watch_named(self, images: Sequence[str]) -> AsyncGenerator[pb.WatchResponse, None]:
        """Looks again and again: it is for the resolver to say when a registry is to be asked."""
        news = News()
        while True:
            answers = await self._look_ups.images(images, ROUND_SECONDS)
            for image, answer in zip(images, answers, strict=True):
                if news.is_new(image, answer):
                    yield pb.WatchResponse(image=image_message(image, answer))
            await asyncio.sleep(PAUSE_SECONDS)

    async def _watch_all(self) -> AsyncGenerator[pb.WatchResponse, None]:
        subscription = self._changes.subscribe()
        try:
            while True:
                image, answer = await subscription.next()
                yield pb.WatchResponse(image=image_message(image, answer))
        except TooSlow:
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "changes were not taken fast enough, and some are lost: call again"
            ) from None
        finally:
            self._changes.unsubscribe(subscription)

    def _pod(self, request: pb.ExplainRequest) -> Pod:
        match request.WhichOneof("pod"):
            case "manifest":
                return _read_manifest(request.manifest)
            case "name":
                return self._named(request.name.namespace or "default", request.name.name)
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "pod: neither a name nor a manifest is given")

    def _named(self, namespace: str, name: str) -> Pod:
        if self._cluster is None:
            raise Refused(
                grpc.StatusCode.FAILED_PRECONDITION, "this server watches no cluster: the pod's manifest is needed"
            )
        pod = self._cluster.pod(namespace, name)
        if pod is None:
            raise Refused(
                grpc.StatusCode.NOT_FOUND, f"pod {namespace}/{name} neither has a node nor waits for this scheduler"
            )
        return pod


def _read_manifest(text: str) -> Pod:
    try:
        return msgspec.json.decode(text, type=Pod)
    except (msgspec.DecodeError, RecursionError) as error:  # the latter for what is nested too deeply
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"manifest: is no Pod in JSON: {error}") from error


def _platform(text: str) -> NodePlatform:
    """As a node of that platform would be."""
    try:
        return typical_node(parse_platform(text))
    except InvalidPlatform as error:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"platforms: {error}") from error


def _at_most(most: int, field: str, given: Sequence[object]) -> None:
    if len(given) > most:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"{field}: {len(given)} are given, {most} may be")


def _bounded(seconds: float | None) -> float:
    return NO_DEADLINE_SECONDS if seconds is None else seconds
