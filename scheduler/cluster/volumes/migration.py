"""Old volume kinds that CSI drivers have taken over: which driver serves them, under which handle, and where.

Owns the translation as far as scheduling looks (upstream: ``csi-translation-lib``). Whether a node hands a kind over is
for its CSINode to say (``node_drivers``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from scheduler.api.affinity import NodeSelector, NodeSelectorRequirement, NodeSelectorTerm
from scheduler.api.storage import PersistentVolume
from scheduler.api.volume_sources import AzureDisk, MigratableSources

_EBS, _GCE, _AZURE_DISK = "kubernetes.io/aws-ebs", "kubernetes.io/gce-pd", "kubernetes.io/azure-disk"
_CINDER, _PORTWORX = "kubernetes.io/cinder", "kubernetes.io/portworx-volume"

DRIVERS = {
    _EBS: "ebs.csi.aws.com",
    _GCE: "pd.csi.storage.gke.io",
    _AZURE_DISK: "disk.csi.azure.com",
    _CINDER: "cinder.csi.openstack.org",
    _PORTWORX: "pxd.portworx.com",
}
"""Plugin -> driver, of the kinds whose migration kube-scheduler counts with."""

UNCOUNTED = frozenset({"kubernetes.io/azure-file", "kubernetes.io/vsphere-volume"})
"""Plugins that can be migrated but whose volumes kube-scheduler does not count."""

_ZONE_KEYS = {
    _EBS: "topology.ebs.csi.aws.com/zone",
    _GCE: "topology.gke.io/zone",
    _CINDER: f"topology.{DRIVERS[_CINDER]}/zone",
}
"""By which label of nodes a driver tells zones, where it does."""

ZONE, REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
BETA_ZONE, BETA_REGION = "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region"
DELIMITER = "__"
"""Between the zones of a volume that is in several."""

_UNSPECIFIED = "UNSPECIFIED"
_EBS_VOLUME = re.compile(r"vol-[^/]*")


class Attachable(NamedTuple):
    """A volume as its CSI driver knows it."""

    driver: str
    handle: str


class Untranslatable(ValueError):
    """The volume names its disk, or where it is, in a way that its driver would not understand."""


def plugin_of(sources: MigratableSources) -> str | None:
    """The old plugin that the volume is of; None for all other kinds."""
    named = (
        (_GCE, sources.gce_persistent_disk),
        (_EBS, sources.aws_elastic_block_store),
        (_AZURE_DISK, sources.azure_disk),
        (_CINDER, sources.cinder),
        (_PORTWORX, sources.portworx_volume),
        ("kubernetes.io/azure-file", sources.azure_file),
        ("kubernetes.io/vsphere-volume", sources.vsphere_volume),
    )
    return next((plugin for plugin, source in named if source is not None), None)


def translated(sources: MigratableSources, labels: Mapping[str, str]) -> Attachable | None:
    """The volume as its driver knows it; None if it is of no kind that counts. Raises Untranslatable.

    ``labels``: those of a persistent volume, none for a volume that a pod names itself.
    """
    if sources.gce_persistent_disk is not None:
        place = _gce_place(labels.get(BETA_ZONE) or labels.get(ZONE, ""))
        return Attachable(DRIVERS[_GCE], f"projects/{_UNSPECIFIED}/{place}/disks/{sources.gce_persistent_disk.pd_name}")
    if sources.aws_elastic_block_store is not None:
        return Attachable(DRIVERS[_EBS], _ebs_handle(sources.aws_elastic_block_store.volume_id))
    if sources.azure_disk is not None:
        return Attachable(DRIVERS[_AZURE_DISK], _azure_handle(sources.azure_disk))
    if sources.cinder is not None:
        return Attachable(DRIVERS[_CINDER], sources.cinder.volume_id)
    if sources.portworx_volume is not None:
        return Attachable(DRIVERS[_PORTWORX], sources.portworx_volume.volume_id)
    return None


def translated_affinity(volume: PersistentVolume) -> NodeSelector | None:
    """Where the volume can be reached, in the labels that its driver's nodes have. Raises Untranslatable.

    None: anywhere.
    """
    translated(volume.spec, volume.metadata.labels)
    affinity = volume.spec.node_affinity
    terms = affinity.required.node_selector_terms if affinity and affinity.required else []
    key = _ZONE_KEYS.get(plugin_of(volume.spec) or "")
    if key is not None:
        terms = _in_driver_zones(terms, volume.metadata.labels, key)
    return NodeSelector(node_selector_terms=terms) if terms or (affinity and affinity.required) else None


def _in_driver_zones(terms: list[NodeSelectorTerm], labels: Mapping[str, str], key: str) -> list[NodeSelectorTerm]:
    """The terms with zones in the driver's words; zones that only labels tell are added."""
    keys = {e.key for term in terms for e in term.match_expressions}
    beta = _tells_beta_zones(keys, labels)
    zone = BETA_ZONE if beta else ZONE
    if any(e.values for term in terms for e in term.match_expressions if e.key == zone):
        terms = _renamed(terms, zone, key)
    elif zone in labels:
        zones = sorted({part.strip() for part in labels[zone].split(DELIMITER)} - {""})
        if zones:
            terms = _with_zones(terms, NodeSelectorRequirement(key=key, operator="In", values=zones))
    if beta:
        terms = _renamed(terms, BETA_REGION, REGION)
    return terms


def _tells_beta_zones(keys: set[str], labels: Mapping[str, str]) -> bool:
    """Whether the old names of labels are in use: affinity goes before labels, new before old."""
    for known in (keys, labels):
        if ZONE in known or BETA_ZONE in known:
            return ZONE not in known
    return False


def _renamed(terms: list[NodeSelectorTerm], old: str, new: str) -> list[NodeSelectorTerm]:
    if not any(e.values for term in terms for e in term.match_expressions if e.key == old):
        return terms
    return [
        NodeSelectorTerm(
            match_expressions=[
                NodeSelectorRequirement(key=new if e.key == old else e.key, operator=e.operator, values=e.values)
                for e in term.match_expressions
            ],
            match_fields=term.match_fields,
        )
        for term in terms
    ]


def _with_zones(terms: list[NodeSelectorTerm], zones: NodeSelectorRequirement) -> list[NodeSelectorTerm]:
    return [
        NodeSelectorTerm(match_expressions=[*term.match_expressions, zones], match_fields=term.match_fields)
        for term in terms or [NodeSelectorTerm()]
    ]


def _gce_place(label: str) -> str:
    zones = label.split(DELIMITER)
    if len(zones) == 1:
        return f"zones/{zones[0] or _UNSPECIFIED}"
    regions = set()
    for zone in zones:
        parts = zone.split("-")
        if len(parts) != 3:
            raise Untranslatable(
                "failed to get region from zones: zone in unexpected format,"
                f" expected: {{locale}}-{{region}}-{{zone}}, got: {zone}"
            )
        regions.add("-".join(parts[:2]))
    if len(regions) != 1:
        listed = " ".join(f"{region}:{{}}" for region in sorted(regions))
        raise Untranslatable(
            f"failed to get region from zones: multiple or no regions gotten from zones, got: map[{listed}]"
        )
    return f"regions/{regions.pop()}"


def _ebs_handle(volume_id: str) -> str:
    """``aws://zone/vol-1`` or ``vol-1`` -> ``vol-1``."""
    if not volume_id.startswith("aws://"):
        return volume_id
    handle = unquote(volume_id.removeprefix("aws://").partition("/")[2]).strip("/")
    if not _EBS_VOLUME.fullmatch(handle):
        raise Untranslatable(
            f"failed to translate Kubernetes ID to EBS Volume ID Invalid format for AWS volume ({volume_id})"
        )
    return handle


def _azure_handle(disk: AzureDisk) -> str:
    if disk.kind is not None and disk.kind.lower() != "managed":
        raise Untranslatable(f"kind({disk.kind}) is not supported in csi migration")
    return disk.disk_uri
