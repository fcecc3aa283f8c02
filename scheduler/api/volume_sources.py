"""What a volume is made of, as far as scheduling looks: the same structs in a pod's volumes and in persistent volumes.

Owns the shape only. Which disks two pods fight over is in ``cluster.volumes.disks``, which CSI driver serves the old
kinds in ``cluster.volumes.migration``.
"""

from __future__ import annotations

import msgspec

from scheduler.api.meta import WireStruct


class GCEPersistentDisk(WireStruct):
    pd_name: str = ""
    read_only: bool = False


class AWSElasticBlockStore(WireStruct):
    volume_id: str = msgspec.field(name="volumeID", default="")


class AzureDisk(WireStruct):
    disk_uri: str = msgspec.field(name="diskURI", default="")
    kind: str | None = None


class Cinder(WireStruct):
    volume_id: str = msgspec.field(name="volumeID", default="")


class Portworx(WireStruct):
    volume_id: str = msgspec.field(name="volumeID", default="")


class ISCSI(WireStruct):
    iqn: str = ""
    read_only: bool = False


class RBD(WireStruct):
    monitors: list[str] = []
    pool: str = ""
    image: str = ""
    read_only: bool = False


class CSI(WireStruct):
    driver: str = ""
    volume_handle: str = ""
    """Only of persistent volumes: one that a pod names itself has none."""


class OpaqueSource(WireStruct):
    """A source of which only matters that it is there."""


class MigratableSources(WireStruct):
    """The kinds that a CSI driver has taken over, or may one day."""

    gce_persistent_disk: GCEPersistentDisk | None = None
    aws_elastic_block_store: AWSElasticBlockStore | None = None
    azure_disk: AzureDisk | None = None
    azure_file: OpaqueSource | None = None
    cinder: Cinder | None = None
    vsphere_volume: OpaqueSource | None = None
    portworx_volume: Portworx | None = None
