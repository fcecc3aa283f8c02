"""cluster-autoscaler's gRPC expander: of the node groups that could grow, which would help?

Owns the reading of the question and the time for the answer; the choice itself is ``ranking``. The autoscaler asks
while it holds up everything else it does, and after five seconds it goes on without us, so there always is an answer:
whatever is not known in time speaks neither for nor against a group. Where all groups are known not to help, they are
all answered, unless the operator wants none to be: an empty answer keeps an autoscaler from 1.32 on from adding nodes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import grpc
import structlog

from scheduler.config.rpc import ExpanderSettings
from scheduler.images.matching import MatchRules
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform_weights import PlatformWeights
from scheduler.images.unknown_policy import is_unknown
from scheduler.rpc.calls import Method, Refused
from scheduler.rpc.looking_up import LookUps
from scheduler.rpc.objects import InvalidObject, PodDemand, read_demand, read_platform
from scheduler.rpc.proto.expander_pb2 import BestOptionsRequest, BestOptionsResponse, Option
from scheduler.rpc.ranking import Demand, Group, Ranking, rank

log = structlog.get_logger()

_NOWHERE = NodePlatform("", "")
_NAMED_IN_LOG = 5


class Expander:
    """The service ``grpcplugin.Expander``."""

    def __init__(
        self, look_ups: LookUps, weights: PlatformWeights, rules: MatchRules, settings: ExpanderSettings
    ) -> None:
        self._look_ups = look_ups
        self._weights = weights
        self._rules = rules
        self._settings = settings

    @property
    def methods(self) -> dict[str, Method]:
        return {"BestOptions": self.best_options}

    async def best_options(self, request: BestOptionsRequest, seconds: float | None) -> BestOptionsResponse:
        """The options that are worth growing, without their pods. Raises Refused for what is no node or pod."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        deadline = self._settings.deadline_seconds
        until = started + (deadline if seconds is None else min(deadline, seconds))
        reading = _Reading(request)
        for _ in reading.steps():
            await asyncio.sleep(0)  # decisions about pods are made between two groups, not after all of them
            if loop.time() >= until:
                log.warning("expander had no time", options=len(request.options), read=len(reading.groups))
                return self._response(request, range(len(request.options)))
        found = await self._look_ups.pods(reading.demands, until - loop.time())
        demands = [Demand(images, asked.required_os) for asked, images in zip(reading.demands, found, strict=True)]
        ranking = rank(reading.groups, demands, self._weights, self._rules)
        self._tell(request, ranking, demands, loop.time() - started)
        if not ranking.best and self._settings.when_none_fits == "all":
            return self._response(request, range(len(request.options)))
        return self._response(request, ranking.best)

    @staticmethod
    def _response(request: BestOptionsRequest, indexes: range | tuple[int, ...]) -> BestOptionsResponse:
        chosen = [request.options[index] for index in indexes]
        return BestOptionsResponse(
            options=[
                Option(nodeGroupId=each.nodeGroupId, nodeCount=each.nodeCount, debug=each.debug) for each in chosen
            ]
        )

    @staticmethod
    def _tell(request: BestOptionsRequest, ranking: Ranking, demands: list[Demand], seconds: float) -> None:
        unknown = {each.image.image for demand in demands for each in demand.images if is_unknown(each.answer)}
        log.info(
            "expander answered",
            options=len(request.options),
            best=len(ranking.best),
            dropped=len(ranking.dropped),
            unknown_images=len(unknown),
            seconds=round(seconds, 3),
        )
        for index, reason in list(ranking.dropped.items())[:_NAMED_IN_LOG]:
            log.info("node group dropped", group=request.options[index].nodeGroupId, why=f"its nodes {reason}")


class _Reading:
    """The question, read group by group: the same pod comes with every group that it fits."""

    def __init__(self, request: BestOptionsRequest) -> None:
        self._request = request
        self._seen: dict[bytes, int] = {}
        self._numbers: dict[PodDemand, int] = {}
        self.groups: list[Group] = []

    @property
    def demands(self) -> list[PodDemand]:
        """The distinct ones, by the numbers that ``groups`` use."""
        return list(self._numbers)

    def steps(self) -> Iterator[None]:
        """One for each option. Raises Refused."""
        for option in self._request.options:
            pods = Counter(map(self._number, option.podBytes or option.pod))
            self.groups.append(Group(self._platform(option.nodeGroupId), pods))
            yield

    def _number(self, pod: bytes) -> int:
        number = self._seen.get(pod)
        if number is None:
            try:
                demand = read_demand(pod)
            except InvalidObject as error:
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"a pod {error}") from error
            number = self._seen[pod] = self._numbers.setdefault(demand, len(self._numbers))
        return number

    def _platform(self, group: str) -> NodePlatform:
        request = self._request
        node = request.nodeBytesMap[group] if group in request.nodeBytesMap else request.nodeMap.get(group)
        if node is None:
            return _NOWHERE
        try:
            return read_platform(node)
        except InvalidObject as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"the node of {group} {error}") from error
