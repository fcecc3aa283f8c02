"""What stands behind a group of pods: services, and the controllers that own pods. Of each only which pods it selects.

Owns the shape only. How they decide which pods are spread by default is in ``cluster.workloads``.
"""

from __future__ import annotations

import msgspec

from scheduler.api.label_selector import LabelSelector
from scheduler.api.meta import ObjectMeta, WireStruct


class ServiceSpec(WireStruct):
    selector: dict[str, str] | None = None
    """None selects nothing, an empty one everything."""


class Service(WireStruct):
    metadata: ObjectMeta
    spec: ServiceSpec = msgspec.field(default_factory=ServiceSpec)


class ReplicationControllerSpec(WireStruct):
    selector: dict[str, str] = {}


class ReplicationController(WireStruct):
    metadata: ObjectMeta
    spec: ReplicationControllerSpec = msgspec.field(default_factory=ReplicationControllerSpec)


class SelectorSpec(WireStruct):
    selector: LabelSelector | None = None


class ReplicaSet(WireStruct):
    metadata: ObjectMeta
    spec: SelectorSpec = msgspec.field(default_factory=SelectorSpec)


class StatefulSet(WireStruct):
    metadata: ObjectMeta
    spec: SelectorSpec = msgspec.field(default_factory=SelectorSpec)


Workload = Service | ReplicationController | ReplicaSet | StatefulSet
