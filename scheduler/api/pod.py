"""Pod: the fields that decide where it may run and what it needs there.

Owns the shape only. Quantities stay text here (``quantity`` reads them), node selector terms too (``selectors``).
"""

from __future__ import annotations

import msgspec

from scheduler.api.affinity import Affinity
from scheduler.api.meta import ObjectMeta, WireStruct
from scheduler.api.topology_spread import TopologySpreadConstraint
from scheduler.api.volume_sources import CSI, ISCSI, RBD, MigratableSources, OpaqueSource

ResourceList = dict[str, str | int | float]
"""Resource name -> quantity. The API server writes text; hand-written YAML may hold numbers."""


class ResourceRequirements(WireStruct):
    requests: ResourceList = {}
    limits: ResourceList = {}


class ContainerPort(WireStruct):
    container_port: int = 0
    host_port: int = 0
    host_ip: str = msgspec.field(name="hostIP", default="")
    protocol: str = "TCP"


class ContainerRestartRule(WireStruct):
    action: str = ""


class VolumeMount(WireStruct):
    bind_mount_options: object = None


class Container(WireStruct):
    name: str
    image: str = ""
    image_pull_policy: str = ""
    restart_policy: str = ""
    restart_policy_rules: list[ContainerRestartRule] = []
    volume_mounts: list[VolumeMount] = []
    resources: ResourceRequirements = msgspec.field(default_factory=ResourceRequirements)
    ports: list[ContainerPort] = []


class Toleration(WireStruct):
    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""


class SchedulingGate(WireStruct):
    name: str


class LocalObjectReference(WireStruct):
    name: str = ""


class ImageVolumeSource(WireStruct):
    reference: str = ""
    pull_policy: str = ""


class PersistentVolumeClaimVolumeSource(WireStruct):
    claim_name: str


class Volume(MigratableSources):
    name: str = ""
    image: ImageVolumeSource | None = None
    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = None
    ephemeral: OpaqueSource | None = None
    iscsi: ISCSI | None = None
    rbd: RBD | None = None
    csi: CSI | None = None


class PodOS(WireStruct):
    name: str


class PodSpec(WireStruct):
    node_name: str = ""
    scheduler_name: str = "default-scheduler"
    priority: int | None = None
    preemption_policy: str = ""
    containers: list[Container] = []
    init_containers: list[Container] = []
    volumes: list[Volume] = []
    resources: ResourceRequirements | None = None
    overhead: ResourceList = {}
    node_selector: dict[str, str] = {}
    affinity: Affinity | None = None
    tolerations: list[Toleration] = []
    topology_spread_constraints: list[TopologySpreadConstraint] = []
    scheduling_gates: list[SchedulingGate] = []
    resource_claims: list[msgspec.Raw] = []
    image_pull_secrets: list[LocalObjectReference] = []
    service_account_name: str = ""
    runtime_class_name: str = ""
    host_network: bool = False
    host_users: bool | None = None
    os: PodOS | None = None


class PodCondition(WireStruct):
    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None
    observed_generation: int = 0


class ContainerStatus(WireStruct):
    name: str
    allocated_resources: ResourceList | None = None
    resources: ResourceRequirements | None = None


class PodStatus(WireStruct):
    phase: str = ""
    nominated_node_name: str = ""
    start_time: str = ""
    conditions: list[PodCondition] = []
    container_statuses: list[ContainerStatus] = []
    init_container_statuses: list[ContainerStatus] = []
    allocated_resources: ResourceList | None = None
    resources: ResourceRequirements | None = None


class Pod(WireStruct):
    metadata: ObjectMeta
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)

    @property
    def key(self) -> str:
        """``namespace/name``, as logs and events name a pod."""
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @property
    def priority(self) -> int:
        """The number that the priority admission wrote; 0 where there is none."""
        return self.spec.priority or 0
