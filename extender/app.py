"""The composition root: settings -> adapters -> state -> loops and listeners, and the order of starting and stopping.

Owns nothing else. Start: health first (live, not ready), then the API server is waited for, then the watches; calls are
taken at once, and answered with an error until all watches have delivered. Stop, on SIGTERM or Ctrl-C: not ready any
more, but still answering, so that callers are led elsewhere; then calls under way are answered, and all is closed.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable

import structlog

from extender.loops.known_pods import KnownPods
from extender.loops.looking_up import LookUps
from extender.loops.nominating import Nominating
from extender.loops.second_looks import SecondLooks
from extender.loops.waking import Waking
from extender.loops.watches import base_watches, delegated_watches
from extender.loops.watching import NamespaceWatch, NodeWatch, PodWatch
from extender.metrics import Metrics
from extender.server.listener import Listener, ListenerSettings
from extender.service import Service, Timing
from extender.settings import ExtenderSettings, ListeningSettings
from extender.verbs.delegate import Delegate
from extender.verbs.elsewhere import Elsewhere
from extender.verbs.filter import Filter, Filtering
from extender.verbs.judging import Judge
from extender.verbs.narrow import Narrowing
from extender.verbs.promises import Promises
from extender.verbs.unknown_images import UnknownImages
from extender.wire.arguments import ExtenderBindingArgs
from scheduler.cluster.cache import Cache
from scheduler.images.matching import MatchRules
from scheduler.images.platform_weights import PlatformWeights
from scheduler.images.unknown_policy import parse_unknown_policy
from scheduler.kube.binding import BindResult, bind
from scheduler.kube.connection import connect, wait_until_reachable
from scheduler.kube.errors import InvalidConnection
from scheduler.kube.requests import ApiClient
from scheduler.kube.secrets import PullSecrets
from scheduler.loops import garbage
from scheduler.oci.configured import registry_settings
from scheduler.oci.resolver import Resolver
from scheduler.oci.settings import InvalidRegistrySettings
from scheduler.plugins.catalogue import default_profile
from scheduler.plugins.image_platform import ImagePlatform
from scheduler.serving.delegated import DelegatedAccess
from scheduler.serving.health import Health
from scheduler.serving.http_server import HttpServer, followed
from scheduler.serving.tls import InvalidCertificates
from scheduler.telemetry import logs

if sys.platform != "win32":
    import uvloop

log = structlog.get_logger()

EXPIRY_SECONDS = 1.0
"""How often promises are looked at."""

STOP_SECONDS = 5.0
"""For the calls under way, when stopping. Kubernetes kills after 30 in all."""


def run_extender(settings: ExtenderSettings) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit code."""
    logs.configure(settings.logging)
    garbage.search_seldom()
    with asyncio.Runner(loop_factory=None if sys.platform == "win32" else uvloop.new_event_loop) as runner:
        return runner.run(_run(settings))


async def _run(settings: ExtenderSettings) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        client = await connect(settings.kube.kubeconfig, settings.kube.context)
    except InvalidConnection as error:
        log.error("cannot connect", why=str(error))
        return 1
    try:
        extender = Extender(settings, client)
    except InvalidRegistrySettings as error:
        log.error("cannot ask registries", why=str(error))
        await client.close()
        return 1
    except InvalidCertificates as error:
        log.error("cannot serve with TLS", why=str(error))
        await client.close()
        return 1
    try:
        await extender.run(stop)
    except OSError as error:
        log.error("cannot serve", why=str(error))
        return 1
    except ExceptionGroup as fault:
        log.error("a loop failed", exc_info=fault)
        return 1
    return 0


class Extender:
    """One extender, wired up for one API server."""

    def __init__(self, settings: ExtenderSettings, client: ApiClient) -> None:
        """Raises InvalidCertificates, InvalidRegistrySettings."""
        answering = settings.answering
        self.settings = settings
        self.client = client
        self.metrics = Metrics()
        self.cache = Cache(keeps_pods=False)
        self.resolver = Resolver(
            registry_settings(settings.images), on_problem=self._problem("credentials"), observer=self.metrics
        )
        self.waking = Waking(client, self._problem("wake"), enabled=answering.wake_pods)
        self.promises = Promises(self.cache, answering.give_up_seconds)
        self.nominating = Nominating(client, self.promises.node, self.metrics.nominated, self._problem("nominate"))
        secrets = PullSecrets(client, on_problem=self._problem("secret")) if settings.images.read_pull_secrets else None
        self.look_ups = LookUps(
            self.resolver, secrets, self.waking.wake, self.metrics, refresh=settings.images.tag_lifetime_seconds
        )
        counts_pods = answering.delegated or answering.max_nodes > 0
        weights = settings.images.platform_weights
        rules = MatchRules(deep_check=settings.images.deep_check)
        image_platform = ImagePlatform(weights, rules)
        judge = Judge(self.cache, image_platform)
        filtering: Filtering = Filter(judge)
        if answering.delegated:
            profile = default_profile("default-scheduler", platform_weights=weights, match_rules=rules)
            filtering = Delegate(self.cache, profile, self.promises)
        elif answering.max_nodes:
            elsewhere = Elsewhere(self.cache, self.promises, weights, rules)
            filtering = Narrowing(self.cache, image_platform, answering.max_nodes, self.promises, elsewhere)
        known_pods = KnownPods(self.cache.classes)
        pods = PodWatch(self.cache, self.look_ups, known_pods, settings.scheduler_names, self.promises.forget)
        nodes = NodeWatch(self.cache)
        namespaces = NamespaceWatch(self.cache, self.look_ups.wake_namespace)
        self.watches = base_watches(client, nodes, pods, namespaces, self._problem("watch"), counts_pods=counts_pods)
        if answering.delegated:
            self.watches |= delegated_watches(client, self.cache, self._problem("watch"))
        self.second_looks = SecondLooks(filtering.possible, lambda info: self.look_ups.wake(info.uid))
        unknown = settings.images.unknown
        service = Service(
            self.cache,
            filtering,
            judge,
            self.look_ups,
            known_pods,
            self.second_looks,
            self.promises,
            UnknownImages(
                parse_unknown_policy(unknown.policy),
                unknown.deadline_seconds,
                parse_unknown_policy(unknown.after_deadline),
                namespaces.annotations,
            ),
            PlatformWeights(weights),
            self._bind,
            self.nominating.nominate,
            self.metrics,
            Timing(answering.wait_seconds, answering.deadline_seconds),
            self.why_not_synced,
            logs_access=settings.logging.level == "debug",
        )
        self.tls = None if (tls := settings.listening.tls) is None else followed(tls, self._problem("certificate"))
        self.listener = Listener(
            listener_settings(settings.listening),
            service,
            tls=None if self.tls is None else self.tls.context,
            on_refused=self.metrics.refused,
        )
        self.health = HttpServer(
            settings.serving,
            self.metrics,
            [Health("healthz", {}), Health("livez", {}), Health("readyz", {"lookups": self.why_not_ready})],
            before_scrape=self._scrape,
            on_problem=self._problem("certificate"),
            access=DelegatedAccess(client) if settings.serving.authorization == "delegated" else None,
        )
        self._is_stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set. Raises OSError when an address cannot be served."""
        try:
            health_port = await self.health.start()
            port = await self.listener.start()
            log.info("starting", server=self.client.server, port=port, health_port=health_port)
            async with asyncio.TaskGroup() as group:
                main = group.create_task(self._run_loops())
                await stop.wait()
                await self._drain()
                main.cancel()
        finally:
            await self.listener.stop(STOP_SECONDS)
            await self.look_ups.stop()
            await self.waking.stop()
            await self.nominating.stop()
            await self.resolver.close()
            await self.client.close()
            await self.health.stop()
            log.info("stopped")

    def why_not_synced(self) -> str | None:
        """None once all watches have delivered."""
        waiting = [name for name, watch in self.watches.items() if not watch.synced.is_set()]
        return f"waiting for the first list of {' and '.join(waiting)}" if waiting else None

    def why_not_ready(self) -> str | None:
        return "stopping" if self._is_stopping else self.why_not_synced()

    async def _run_loops(self) -> None:
        version = await wait_until_reachable(self.client, self._problem("connection"))
        log.info("connected", server=self.client.server, version=version)
        async with asyncio.TaskGroup() as group:
            for watch in self.watches.values():
                group.create_task(watch.run())
            group.create_task(self.second_looks.run())
            if self.tls is not None:
                group.create_task(self.tls.run())
            group.create_task(self._expire())
            for watch in self.watches.values():
                await watch.synced.wait()
            garbage.keep_what_there_is()
            log.info("ready", nodes=len(self.cache.nodes), placed=len(self.cache), look_ups=len(self.look_ups))

    async def _expire(self) -> None:
        """Gives up promises that did not come true."""
        while True:
            await asyncio.sleep(EXPIRY_SECONDS)
            given_up = self.promises.expire(time.monotonic())
            if given_up:
                self.metrics.problem("promise")
                log.warning("pods were given a node and not bound to it", pods=given_up)

    async def _drain(self) -> None:
        """Not ready any more, and still answering: until Services have noticed, callers come here."""
        self._is_stopping = True
        self.listener.drain()
        log.info("stopping", draining=self.settings.listening.drain_seconds)
        await asyncio.sleep(self.settings.listening.drain_seconds)
        await self.listener.stop(STOP_SECONDS)

    async def _bind(self, args: ExtenderBindingArgs) -> str:
        outcome = await bind(self.client, args.pod_namespace, args.pod_name, args.pod_uid, args.node)
        return "" if outcome.result is BindResult.BOUND else f"{outcome.result}: {outcome.message}"

    def _problem(self, part: str) -> Callable[[str], None]:
        def report(problem: str) -> None:
            self.metrics.problem(part)
            log.warning(problem)

        return report

    def _scrape(self) -> None:
        """Brings the gauges up to date."""
        images = self.resolver
        self.metrics.image_cache(hits=images.cache.hits, misses=images.misses, size=images.cache.size)
        self.metrics.sizes(
            nodes=len(self.cache.nodes),
            placed_pods=len(self.cache),
            assumed_pods=len(self.cache.assumed_pods()),
            image_sets=len(self.look_ups),
            connections=len(self.listener),
        )


def listener_settings(settings: ListeningSettings) -> ListenerSettings:
    """The operator's settings, as the server takes them."""
    return ListenerSettings(
        settings.host,
        settings.port,
        settings.max_body_megabytes * 2**20,
        settings.max_connections,
        settings.request_seconds,
        settings.idle_seconds,
    )
