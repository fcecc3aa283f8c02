"""Storage: volumes, the claims to them, and what nodes and drivers can do, as far as scheduling looks.

Owns the shape, and the few facts that the API spreads over several fields (component-helpers ``storage/volume``).
Quantities stay text here (``quantity`` reads them).
"""

from __future__ import annotations

import msgspec

from scheduler.api.affinity import NodeSelector
from scheduler.api.label_selector import LabelSelector
from scheduler.api.meta import ObjectMeta, WireStruct
from scheduler.api.pod import ResourceList, ResourceRequirements
from scheduler.api.volume_sources import CSI, MigratableSources

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
MIGRATED_PLUGINS = "storage.alpha.kubernetes.io/migrated-plugins"
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"

READ_WRITE_ONCE_POD = "ReadWriteOncePod"
WAIT_FOR_FIRST_CONSUMER = "WaitForFirstConsumer"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
STORAGE = "storage"
"""The name of the resource that claims ask for."""


class ObjectReference(WireStruct):
    namespace: str = ""
    name: str = ""
    uid: str = ""


class VolumeNodeAffinity(WireStruct):
    required: NodeSelector | None = None


class PersistentVolumeSpec(MigratableSources):
    capacity: ResourceList = {}
    access_modes: list[str] = []
    claim_ref: ObjectReference | None = None
    storage_class_name: str = ""
    volume_mode: str = "Filesystem"
    volume_attributes_class_name: str | None = None
    node_affinity: VolumeNodeAffinity | None = None
    csi: CSI | None = None


class PersistentVolumeStatus(WireStruct):
    phase: str = ""


class PersistentVolume(WireStruct):
    metadata: ObjectMeta
    spec: PersistentVolumeSpec = msgspec.field(default_factory=PersistentVolumeSpec)
    status: PersistentVolumeStatus = msgspec.field(default_factory=PersistentVolumeStatus)

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def storage_class(self) -> str:
        """Empty: of no class."""
        return self.metadata.annotations.get(_BETA_CLASS, self.spec.storage_class_name)

    def is_for(self, claim: PersistentVolumeClaim) -> bool:
        """Whether it is bound, or meant to be bound, to this very claim."""
        wanted = self.spec.claim_ref
        if wanted is None or (wanted.namespace, wanted.name) != (claim.metadata.namespace, claim.metadata.name):
            return False
        return not wanted.uid or wanted.uid == claim.metadata.uid


class PersistentVolumeClaimSpec(WireStruct):
    access_modes: list[str] = []
    selector: LabelSelector | None = None
    resources: ResourceRequirements = msgspec.field(default_factory=ResourceRequirements)
    volume_name: str = ""
    storage_class_name: str | None = None
    volume_mode: str = "Filesystem"
    volume_attributes_class_name: str | None = None


class PersistentVolumeClaimStatus(WireStruct):
    phase: str = ""


class PersistentVolumeClaim(WireStruct):
    metadata: ObjectMeta
    spec: PersistentVolumeClaimSpec = msgspec.field(default_factory=PersistentVolumeClaimSpec)
    status: PersistentVolumeClaimStatus = msgspec.field(default_factory=PersistentVolumeClaimStatus)

    @property
    def key(self) -> str:
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @property
    def storage_class(self) -> str:
        """Empty: of no class."""
        return self.metadata.annotations.get(_BETA_CLASS, self.spec.storage_class_name or "")

    @property
    def is_bound(self) -> bool:
        """Fully: the volume's side is done as well."""
        return bool(self.spec.volume_name) and BIND_COMPLETED in self.metadata.annotations

    @property
    def for_one_pod_only(self) -> bool:
        return READ_WRITE_ONCE_POD in self.spec.access_modes

    @property
    def controller(self) -> str:
        """The uid of the object that controls it; empty if none does."""
        return next((owner.uid for owner in self.metadata.owner_references if owner.controller), "")


class TopologySelectorLabelRequirement(WireStruct):
    key: str
    values: list[str] = []


class TopologySelectorTerm(WireStruct):
    match_label_expressions: list[TopologySelectorLabelRequirement] = []


class StorageClass(WireStruct):
    metadata: ObjectMeta
    provisioner: str = ""
    volume_binding_mode: str | None = None
    allowed_topologies: list[TopologySelectorTerm] = []

    @property
    def name(self) -> str:
        return self.metadata.name


class VolumeNodeResources(WireStruct):
    count: int | None = None


class CSINodeDriver(WireStruct):
    name: str
    allocatable: VolumeNodeResources | None = None

    @property
    def limit(self) -> int | None:
        """How many volumes the node can attach; None: no limit is known."""
        return None if self.allocatable is None else self.allocatable.count


class CSINodeSpec(WireStruct):
    drivers: list[CSINodeDriver] = []


class CSINode(WireStruct):
    """What a node says of its CSI drivers; its name is the node's."""

    metadata: ObjectMeta
    spec: CSINodeSpec = msgspec.field(default_factory=CSINodeSpec)

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def migrated_plugins(self) -> frozenset[str]:
        """The old volume plugins whose volumes the node hands to CSI drivers."""
        return frozenset(filter(None, self.metadata.annotations.get(MIGRATED_PLUGINS, "").split(",")))


class CSIDriverSpec(WireStruct):
    storage_capacity: bool = False
    prevent_pod_scheduling_if_missing: bool = False


class CSIDriver(WireStruct):
    metadata: ObjectMeta
    spec: CSIDriverSpec = msgspec.field(default_factory=CSIDriverSpec)

    @property
    def name(self) -> str:
        return self.metadata.name


class CSIStorageCapacity(WireStruct):
    metadata: ObjectMeta
    storage_class_name: str = ""
    node_topology: LabelSelector | None = None
    capacity: str | int | float | None = None
    maximum_volume_size: str | int | float | None = None

    @property
    def key(self) -> str:
        return f"{self.metadata.namespace}/{self.metadata.name}"


class VolumeAttachmentSource(WireStruct):
    persistent_volume_name: str | None = None


class VolumeAttachmentSpec(WireStruct):
    attacher: str = ""
    node_name: str = ""
    source: VolumeAttachmentSource = msgspec.field(default_factory=VolumeAttachmentSource)


class VolumeAttachment(WireStruct):
    metadata: ObjectMeta
    spec: VolumeAttachmentSpec = msgspec.field(default_factory=VolumeAttachmentSpec)

    @property
    def name(self) -> str:
        return self.metadata.name


StorageObject = (
    PersistentVolumeClaim
    | PersistentVolume
    | StorageClass
    | CSINode
    | CSIDriver
    | CSIStorageCapacity
    | VolumeAttachment
)
"""Any of the kinds that decide about volumes."""
