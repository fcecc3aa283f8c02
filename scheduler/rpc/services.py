"""Puts the services together: settings, a resolver and what is known of the cluster -> a server.

Owns nothing else. The scheduler serves with its picture of the cluster, ``multiarch-scheduler expander`` without.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from scheduler.config.settings import Settings
from scheduler.images.matching import MatchRules
from scheduler.images.platform_weights import PlatformWeights
from scheduler.images.runtime_classes import RuntimeClasses
from scheduler.kube.secrets import PullSecrets
from scheduler.oci.resolver import Resolver
from scheduler.rpc.changes import ImageChanges
from scheduler.rpc.expander import Expander
from scheduler.rpc.image_platform import Cluster, ImagePlatforms
from scheduler.rpc.looking_up import LookUps
from scheduler.rpc.metrics import RpcMetrics
from scheduler.rpc.proto import expander_pb2, image_platform_pb2
from scheduler.rpc.server import RpcServer


def make_server(
    settings: Settings,
    resolver: Resolver,
    secrets: PullSecrets | None,
    cluster: Cluster | None,
    registry: CollectorRegistry,
    on_problem: Callable[[str], None],
) -> RpcServer:
    """Not yet started. ``registry``: of metrics. Raises InvalidCertificates."""
    images, rpc = settings.images, settings.rpc
    rules = MatchRules(deep_check=images.deep_check)
    look_ups = LookUps(resolver, secrets, RuntimeClasses(images.runtime_classes))
    changes = ImageChanges(rpc.watch_queue)
    resolver.on_learnt.append(changes.learnt)
    expander = Expander(look_ups, PlatformWeights(images.platform_weights), rules, rpc.expander)
    platforms = ImagePlatforms(look_ups, changes, rules, cluster, most_watches=max(1, rpc.max_calls // 2))
    services = {
        expander_pb2.DESCRIPTOR.services_by_name["Expander"]: expander.methods,
        image_platform_pb2.DESCRIPTOR.services_by_name["ImagePlatform"]: platforms.methods,
    }
    return RpcServer(rpc, services, RpcMetrics(registry), on_problem)
