"""Which resources the sandbox's API server serves: a table, and nothing that depends on a single kind.

A kind that needs more than being stored has its rules in ``defaulting``, ``admission`` and ``validation``; how it is
printed stands in ``columns``.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from scheduler.sandbox.apiserver.documents import Path

NAME = {"metadata.name": Path("metadata.name")}
NAMESPACED_NAME = {**NAME, "metadata.namespace": Path("metadata.namespace")}


class Resource(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One resource of one API version."""

    group: str = ""
    version: str = "v1"
    kind: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False
    """Has a status subresource: a write to the object keeps the status, and a write to the status keeps the rest."""
    connections: Mapping[str, str] = {}
    """Other subresources that take a POST: name -> kind of the body."""
    fields: Mapping[str, Path] = {}
    """What a field selector may name, and where it is found in the stored object."""
    stored_as: str = ""
    """Where the objects are kept. Two API versions of the same objects name the same place."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The name in error messages: ``pods``, ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def storage(self) -> str:
        return self.stored_as or self.qualified

    @property
    def selectable(self) -> Mapping[str, Path]:
        return {**(NAMESPACED_NAME if self.namespaced else NAME), **self.fields}


_POD_FIELDS = {
    "spec.nodeName": Path("spec.nodeName"),
    "spec.restartPolicy": Path("spec.restartPolicy"),
    "spec.schedulerName": Path("spec.schedulerName"),
    "spec.serviceAccountName": Path("spec.serviceAccountName"),
    "spec.hostNetwork": Path("spec.hostNetwork", "false"),
    "status.phase": Path("status.phase"),
    "status.podIP": Path("status.podIP"),
    "status.nominatedNodeName": Path("status.nominatedNodeName"),
}
_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_CORE_EVENT_FIELDS = {
    **{f"involvedObject.{field}": Path(f"involvedObject.{field}") for field in _REFERENCE},
    "reason": Path("reason"),
    "reportingComponent": Path("reportingComponent"),
    "source": Path("source.component", otherwise="reportingComponent"),
    "type": Path("type"),
}
_EVENT_FIELDS = {
    **{f"regarding.{field}": Path(f"involvedObject.{field}") for field in _REFERENCE},
    "reason": Path("reason"),
    "reportingController": Path("reportingComponent"),
    "type": Path("type"),
}

RESOURCES: tuple[Resource, ...] = (
    Resource(
        kind="Pod",
        plural="pods",
        short_names=("po",),
        categories=("all",),
        status=True,
        connections={"binding": "Binding", "eviction": "Eviction"},
        fields=_POD_FIELDS,
    ),
    Resource(
        kind="Node",
        plural="nodes",
        namespaced=False,
        short_names=("no",),
        status=True,
        fields={"spec.unschedulable": Path("spec.unschedulable", "false")},
    ),
    Resource(
        kind="Namespace",
        plural="namespaces",
        namespaced=False,
        short_names=("ns",),
        status=True,
        fields={"status.phase": Path("status.phase")},
    ),
    Resource(kind="Event", plural="events", short_names=("ev",), fields=_CORE_EVENT_FIELDS, stored_as="events"),
    Resource(
        group="events.k8s.io",
        kind="Event",
        plural="events",
        short_names=("ev",),
        fields=_EVENT_FIELDS,
        stored_as="events",
    ),
    Resource(kind="Secret", plural="secrets", fields={"type": Path("type")}),
    Resource(kind="ConfigMap", plural="configmaps", short_names=("cm",)),
    Resource(kind="ServiceAccount", plural="serviceaccounts", short_names=("sa",)),
    Resource(kind="Service", plural="services", short_names=("svc",), categories=("all",), status=True),
    Resource(
        kind="ReplicationController",
        plural="replicationcontrollers",
        short_names=("rc",),
        categories=("all",),
        status=True,
    ),
    Resource(kind="PersistentVolume", plural="persistentvolumes", namespaced=False, short_names=("pv",), status=True),
    Resource(kind="PersistentVolumeClaim", plural="persistentvolumeclaims", short_names=("pvc",), status=True),
    Resource(kind="LimitRange", plural="limitranges", short_names=("limits",)),
    Resource(kind="ResourceQuota", plural="resourcequotas", short_names=("quota",), status=True),
    Resource(
        group="apps",
        kind="Deployment",
        plural="deployments",
        short_names=("deploy",),
        categories=("all",),
        status=True,
    ),
    Resource(
        group="apps",
        kind="ReplicaSet",
        plural="replicasets",
        short_names=("rs",),
        categories=("all",),
        status=True,
    ),
    Resource(
        group="apps",
        kind="StatefulSet",
        plural="statefulsets",
        short_names=("sts",),
        categories=("all",),
        status=True,
    ),
    Resource(
        group="apps",
        kind="DaemonSet",
        plural="daemonsets",
        short_names=("ds",),
        categories=("all",),
        status=True,
    ),
    Resource(group="coordination.k8s.io", kind="Lease", plural="leases"),
    Resource(
        group="scheduling.k8s.io",
        kind="PriorityClass",
        plural="priorityclasses",
        namespaced=False,
        short_names=("pc",),
    ),
    Resource(
        group="policy",
        kind="PodDisruptionBudget",
        plural="poddisruptionbudgets",
        short_names=("pdb",),
        status=True,
    ),
    Resource(
        group="storage.k8s.io",
        kind="StorageClass",
        plural="storageclasses",
        namespaced=False,
        short_names=("sc",),
    ),
    Resource(group="storage.k8s.io", kind="CSINode", plural="csinodes", namespaced=False),
    Resource(group="storage.k8s.io", kind="CSIDriver", plural="csidrivers", namespaced=False),
    Resource(group="storage.k8s.io", kind="CSIStorageCapacity", plural="csistoragecapacities"),
    Resource(
        group="storage.k8s.io",
        kind="VolumeAttachment",
        plural="volumeattachments",
        namespaced=False,
        status=True,
    ),
    Resource(group="node.k8s.io", kind="RuntimeClass", plural="runtimeclasses", namespaced=False),
    Resource(group="resource.k8s.io", kind="DeviceClass", plural="deviceclasses", namespaced=False),
    Resource(group="resource.k8s.io", kind="ResourceClaim", plural="resourceclaims", status=True),
    Resource(group="resource.k8s.io", kind="ResourceClaimTemplate", plural="resourceclaimtemplates"),
    Resource(group="resource.k8s.io", kind="ResourceSlice", plural="resourceslices", namespaced=False),
    Resource(group="rbac.authorization.k8s.io", kind="Role", plural="roles"),
    Resource(group="rbac.authorization.k8s.io", kind="RoleBinding", plural="rolebindings"),
    Resource(group="rbac.authorization.k8s.io", kind="ClusterRole", plural="clusterroles", namespaced=False),
    Resource(
        group="rbac.authorization.k8s.io", kind="ClusterRoleBinding", plural="clusterrolebindings", namespaced=False
    ),
)

_BY_PATH = {(resource.group, resource.version, resource.plural): resource for resource in RESOURCES}


def find_resource(group: str, version: str, plural: str) -> Resource | None:
    return _BY_PATH.get((group, version, plural))


def the_resource(plural: str, group: str = "") -> Resource:
    """The one resource of that name, for the server's own use. Raises KeyError."""
    return _BY_PATH[group, "v1", plural]
