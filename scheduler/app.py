"""The composition root: settings -> adapters -> state -> loops, and the order in which they start and stop.

Owns nothing else. Start: the health endpoints first (live, not ready), then the API server is waited for, then the
watches; when each has delivered its first list the process stands for election, and decisions begin when it leads.
Stop, on SIGTERM or Ctrl-C: no new decisions, the bindings under way finish, the lease is given up, queued events are
written, connections are closed. A loop that fails is a fault that ends the process, since half a scheduler looks alive
and is not; and so does the loss of the lease, after which nothing more is bound.
"""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

if sys.platform != "win32":
    import uvloop

from scheduler.cluster.cache import Cache
from scheduler.config.images import ImageSettings
from scheduler.config.leader_election import LeaderElectionSettings
from scheduler.config.scheduler_configuration import SchedulerConfiguration, configuration_of
from scheduler.config.settings import Settings
from scheduler.config.strict import InvalidSettings
from scheduler.framework.cycle import SchedulingCycle
from scheduler.framework.profile import Profile, hints_of
from scheduler.images.matching import MatchRules
from scheduler.images.unknown_policy import UnknownPolicy, parse_unknown_policy
from scheduler.kube.connection import connect, wait_until_reachable
from scheduler.kube.election import LeaseTiming
from scheduler.kube.errors import InvalidConnection
from scheduler.kube.event_recorder import EventRecorder
from scheduler.kube.in_cluster import own_namespace
from scheduler.kube.lease import LeaseRequests
from scheduler.kube.requests import ApiClient, RequestSettings
from scheduler.kube.secrets import PullSecrets
from scheduler.loops import garbage
from scheduler.loops.binding import Binding
from scheduler.loops.clock import WakeUp
from scheduler.loops.comparing import Comparing
from scheduler.loops.conditions import Conditions
from scheduler.loops.decisions import Decisions
from scheduler.loops.electing import Electing, LeaseLost
from scheduler.loops.leadership import Leadership
from scheduler.loops.pod_report import PodReports
from scheduler.loops.preempting import Preempting
from scheduler.loops.reporting import Reporting
from scheduler.loops.resolving import Resolving
from scheduler.loops.scheduling import Scheduling
from scheduler.loops.sharing import Sharing
from scheduler.loops.volumes import VolumeBinder
from scheduler.loops.watches import cluster_watches
from scheduler.loops.watching import EventSink, PodWatch
from scheduler.loops.watching_selection import NamespaceLabelWatch
from scheduler.oci.configured import registry_settings
from scheduler.oci.resolver import Resolver
from scheduler.oci.settings import InvalidRegistrySettings
from scheduler.plugins.arguments import ImagePlatformArgs, VolumeBindingArgs, arguments_of
from scheduler.plugins.catalogue import make_profile
from scheduler.plugins.image_platform import ImagePlatform, can_run
from scheduler.queue.backoff import Backoff
from scheduler.queue.queued_pod import Stage
from scheduler.queue.scheduling_queue import SchedulingQueue
from scheduler.serving.configz import effective_configuration
from scheduler.serving.delegated import DelegatedAccess
from scheduler.serving.health import Health
from scheduler.serving.http_server import HttpServer
from scheduler.serving.tls import InvalidCertificates
from scheduler.telemetry import logs
from scheduler.telemetry.metrics import Metrics
from scheduler.telemetry.traces import Traces

if TYPE_CHECKING:
    from scheduler.rpc.server import RpcServer

log = structlog.get_logger()

WARM_START_SECONDS = 5.0
"""How long the start waits for what other replicas know of images."""

NAMESPACE_OUTSIDE = "kube-system"
"""Of the lease, for a scheduler that runs in no pod."""

LATE_SECONDS = 20.0
"""After the end of its lease a leader has ended itself; if it has not by then, it is not healthy."""

STOP_SECONDS = 5.0
"""For the bindings under way, and again for the events, when stopping. Kubernetes kills after 30 in all."""

LOST_SECONDS = 1.0
"""For the events when the lease was lost: most likely none can be written, and a standby is missing meanwhile."""


def run_scheduler(settings: Settings) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit code."""
    logs.configure(settings.logging)
    garbage.search_seldom()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_run(settings))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    return None if sys.platform == "win32" else uvloop.new_event_loop


async def _run(settings: Settings) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        client = await connect(
            settings.kube.kubeconfig,
            settings.kube.context,
            settings=RequestSettings(connections=settings.binding.max_in_flight + 16),
        )
    except InvalidConnection as error:
        log.error("cannot connect", why=str(error))
        return 1
    try:
        scheduler = Scheduler(settings, client)
    except InvalidRegistrySettings as error:
        log.error("cannot ask registries", why=str(error))
        await client.close()
        return 1
    except InvalidCertificates as error:
        log.error("cannot serve", why=str(error))
        await client.close()
        return 1
    except InvalidSettings as error:
        log.error("cannot use the settings", why=str(error))
        await client.close()
        return 1
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, scheduler.comparing.request)
    try:
        await scheduler.run(stop)
    except OSError as error:
        log.error("cannot serve", address=f"{settings.serving.host}:{settings.serving.port}", why=str(error))
        return 1
    except ExceptionGroup as fault:
        lost, others = fault.split(LeaseLost)
        if lost is not None:
            log.error("leader election lost", why=str(_first(lost)))
        if others is not None:
            log.error("a loop failed", exc_info=others)
        return 1
    return 0


def _first(fault: BaseException) -> BaseException:
    return _first(fault.exceptions[0]) if isinstance(fault, BaseExceptionGroup) else fault


class Scheduler:
    """One scheduler, wired up for one API server."""

    def __init__(self, settings: Settings, client: ApiClient) -> None:
        configuration = configuration_of(settings)
        profiles = _profiles(configuration, settings.images)
        names = [profile.scheduler_name for profile in profiles]
        self.client = client
        self.lease_client = client.apart(connections=1)
        self.metrics = Metrics()
        elects = settings.leader_election.leader_elect
        self.leadership = Leadership(-math.inf) if elects else Leadership()
        self.electing = self._candidate(settings.leader_election) if elects else None
        self.election: asyncio.Task[None] | None = None
        leading = client.writing_while(self.leadership.holds)
        self.cache = Cache()
        self.queue = SchedulingQueue(
            hints_of(profiles),
            Backoff(
                configuration.initial_backoff_seconds or settings.backoff.initial_seconds,
                configuration.max_backoff_seconds or settings.backoff.max_seconds,
            ),
            image_plugin=ImagePlatform.name,
            image_hint=can_run(_rules(settings.images)),
        )
        work = WakeUp()
        problem = self._problem
        calm = asyncio.Event()
        self.recorders = {
            name: EventRecorder(client, name, f"{name}-{socket.gethostname()}", room=calm, on_problem=problem("event"))
            for name in names
        }
        self.traces = Traces(settings.tracing)
        decisions = Decisions(self.traces)
        self.conditions = Conditions(leading, self.metrics)
        self.reporting = Reporting(self.conditions, self.recorders, self.leadership, decisions)
        events = EventSink(self.queue, work, self.metrics)
        self.resolver = Resolver(
            registry_settings(settings.images), on_problem=problem("credentials"), observer=self.metrics
        )
        secrets = PullSecrets(client, on_problem=problem("secret")) if settings.images.read_pull_secrets else None
        namespaces = NamespaceLabelWatch(self.cache)
        self.resolving = Resolving(
            settings.images,
            self.resolver,
            secrets,
            namespaces,
            self.cache.nodes.images,
            self.queue,
            work,
            self.reporting,
            self.metrics,
            _unknown_policies(configuration),
        )
        resolve = self.resolving.request
        timeouts = {
            selection.scheduler_name: arguments_of(VolumeBindingArgs, selection.arguments).bind_timeout_seconds
            for selection in configuration.selections
        }
        self.volumes = VolumeBinder(leading, self.cache, timeouts)
        self.binding = Binding(
            leading,
            self.cache,
            self.queue,
            events,
            self.reporting,
            resolve,
            work,
            self.metrics,
            settings.binding.max_in_flight,
            self.volumes,
            calm,
        )
        self.preempting = Preempting(
            leading, self.cache, self.queue, events, self.reporting, work, self.metrics, self.volumes
        )
        cycles = {profile.scheduler_name: SchedulingCycle(self.cache, profile) for profile in profiles}
        self.scheduling = Scheduling(
            self.cache,
            self.queue,
            cycles,
            self.binding,
            self.preempting,
            self.reporting,
            resolve,
            work,
            self.metrics,
            self.leadership,
            decisions,
        )
        pods = PodWatch(names, self.cache, self.queue, events, work, resolve, self.metrics)
        self.watches = cluster_watches(
            client, self.cache, events, namespaces, pods, problem("watch"), self.volumes.claim_changed
        )
        self.comparing = Comparing(client, names, self.cache, self.queue, self.watches.values())
        self.sharing = (
            Sharing(
                settings.sharing,
                client,
                self.resolver,
                on_declared=self.resolving.declared,
                on_problem=problem("sharing"),
            )
            if settings.sharing.enabled
            else None
        )
        self.rpc = self._rpc_server(settings, secrets) if settings.rpc.enabled else None
        reports = PodReports(self.cache, self.queue, cycles, decisions)
        self.server = HttpServer(
            settings.serving,
            self.metrics,
            [
                Health("healthz", {"leaderElection": self._why_not_renewed}),
                Health("livez", {}),
                Health("readyz", {"sched-handler-sync": self.why_not_ready, "shutdown": self._why_stopping}),
            ],
            before_scrape=self._scrape,
            on_problem=problem("certificate"),
            documents={
                "/configz": lambda _: effective_configuration(settings, configuration),
                "/debug/pod/{namespace}/{name}": reports.document,
            },
            access=DelegatedAccess(client) if settings.serving.authorization == "delegated" else None,
        )
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set. Raises OSError when the health endpoints cannot be served."""
        try:
            port = await self.server.start()
            log.info("starting", server=self.client.server, health_port=port)
            if self.rpc is not None:
                log.info("serving gRPC", rpc_port=await self.rpc.start())
            async with asyncio.TaskGroup() as group:
                main = group.create_task(self._run_loops())
                await stop.wait()
                log.info("stopping")
                self._stopping = True
                main.cancel()
        finally:
            if self.rpc is not None:
                await self.rpc.stop(LOST_SECONDS)
            await self._stop_recorders(STOP_SECONDS)
            await self.resolver.close()
            await self.client.close()
            await self.lease_client.close()
            await self.server.stop()
            await asyncio.to_thread(self.traces.stop)
            log.info("stopped")

    def why_not_ready(self) -> str | None:
        """None once all watches have delivered: from then on it leads, or can take over at any time."""
        waiting = [name for name, watch in self.watches.items() if not watch.synced.is_set()]
        return f"waiting for the first list of {' and '.join(waiting)}" if waiting else None

    def _why_stopping(self) -> str | None:
        return "stopping" if self._stopping else None

    def _why_not_renewed(self) -> str | None:
        """A leader that can neither renew its lease nor end is for the kubelet to restart."""
        late = self.leadership.seconds_overdue() if self.electing is not None else 0.0
        return f"the lease was not renewed for {late:.0f}s after its end" if late > LATE_SECONDS else None

    async def _run_loops(self) -> None:
        version = await wait_until_reachable(self.client, self._problem("connection"))
        log.info("connected", server=self.client.server, version=version)
        async with asyncio.TaskGroup() as group:
            sharing = await self._start_sharing(group)
            recording = [group.create_task(recorder.run()) for recorder in self.recorders.values()]
            watching = [group.create_task(watch.run()) for watch in self.watches.values()]
            writing = group.create_task(self.conditions.run())
            comparing = group.create_task(self.comparing.run())
            try:
                for watch in self.watches.values():
                    await watch.synced.wait()
                garbage.keep_what_there_is()
                log.info("ready", nodes=len(self.cache.nodes), placed=len(self.cache), pending=len(self.queue))
                deciding = group.create_task(self.scheduling.run())
                try:
                    await self._take_part()
                finally:
                    deciding.cancel()
            finally:
                await self._wind_up()
                for task in (*watching, writing, comparing, *recording, *sharing):
                    task.cancel()

    async def _take_part(self) -> None:
        """In the election, until cancelled; raises LeaseLost. Being cancelled does not end it: ``_wind_up`` does."""
        if self.electing is None:
            await asyncio.Event().wait()
        else:
            self.election = asyncio.create_task(self.electing.run())
            await asyncio.shield(self.election)

    async def _wind_up(self) -> None:
        """Ends what was begun. Once the lease is lost, only what can be ended before another one leads."""
        leads = self.leadership.holds()
        await self.binding.drain(min(STOP_SECONDS, self.leadership.seconds_left()))
        await self.preempting.stop()
        await self.volumes.stop()
        await self.resolving.stop()
        if self.electing is not None and self.election is not None:
            await self.electing.release()
            self.election.cancel()
        await self._stop_recorders(STOP_SECONDS if leads else LOST_SECONDS)

    async def _stop_recorders(self, seconds: float) -> None:
        """What is queued is written, for at most the given time."""
        await asyncio.gather(*(recorder.stop(seconds) for recorder in self.recorders.values()))

    def _candidate(self, settings: LeaderElectionSettings) -> Electing:
        namespace = settings.resource_namespace or own_namespace() or NAMESPACE_OUTSIDE
        timing = LeaseTiming(
            duration=settings.lease_duration_seconds,
            renew_deadline=settings.renew_deadline_seconds,
            retry_period=settings.retry_period_seconds,
        )
        requests = LeaseRequests(self.lease_client, namespace, settings.resource_name)
        return Electing(requests, timing, self.leadership, on_problem=self._problem("lease"))

    def _rpc_server(self, settings: Settings, secrets: PullSecrets | None) -> RpcServer:
        """Imported here, since gRPC takes 12 MB of memory and only some serve it."""
        from scheduler.rpc.known_cluster import KnownCluster
        from scheduler.rpc.services import make_server

        cluster = KnownCluster(self.cache, self.queue)
        return make_server(settings, self.resolver, secrets, cluster, self.metrics.registry, self._problem("rpc"))

    async def _start_sharing(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Before the pods are read, so that what is shared spares asking registries; without, the start goes on."""
        if self.sharing is None:
            return []
        task = group.create_task(self.sharing.run())
        try:
            await asyncio.wait_for(self.sharing.synced.wait(), WARM_START_SECONDS)
            log.info("warm", images=len(self.sharing))
        except TimeoutError:
            log.warning("starting without what is known of images", waited=WARM_START_SECONDS)
        return [task]

    def _problem(self, part: str) -> Callable[[str], None]:
        def report(problem: str) -> None:
            self.metrics.problem(part)
            log.warning(problem)

        return report

    def _scrape(self) -> None:
        """Brings the gauges up to date."""
        if self.electing is not None:
            self.metrics.leader(self.electing.lease, leads=self.leadership.holds())
        by_plugin = Counter(
            (plugin, queued.pod.spec.scheduler_name) for queued in self.queue for plugin in queued.rejected_by
        )
        counts = self.queue.counts()
        self.metrics.pending({stage: counts[stage] for stage in Stage}, by_plugin)
        self.metrics.cache_size(
            nodes=len(self.cache.nodes), pods=len(self.cache), assumed_pods=len(self.cache.assumed_pods())
        )
        images = self.resolver
        self.metrics.image_cache(hits=images.cache.hits, misses=images.misses, size=images.cache.size)


def _profiles(configuration: SchedulerConfiguration, images: ImageSettings) -> list[Profile]:
    """Each with the operator's settings about images."""
    return [
        make_profile(selection, platform_weights=images.platform_weights, match_rules=_rules(images))
        for selection in configuration.selections
    ]


def _rules(images: ImageSettings) -> MatchRules:
    return MatchRules(deep_check=images.deep_check)


def _unknown_policies(configuration: SchedulerConfiguration) -> dict[str, UnknownPolicy | None]:
    """Scheduler name -> policy, of the profiles that have their own; None of those that do not look at images."""
    policies: dict[str, UnknownPolicy | None] = {}
    for selection in configuration.selections:
        own = arguments_of(ImagePlatformArgs, selection.arguments).unknown_images
        if ImagePlatform.name not in selection.filters:
            policies[selection.scheduler_name] = None
        elif own is not None:
            policies[selection.scheduler_name] = parse_unknown_policy(own)
    return policies
