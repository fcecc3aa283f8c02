"""VolumeAttachments: volumes that are attached to a node, whether or not a pod there uses them.

Owns the objects and which of them count: those of CSI volumes that exist, on nodes that are there (upstream:
``plugins/nodevolumelimits/csi.go``, getNodeVolumeAttachmentInfo). The counts themselves are in ``attached``.
"""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.api.storage import VolumeAttachment
from scheduler.cluster.change_log import ChangeLog
from scheduler.cluster.volumes.attached import AttachedVolumes
from scheduler.cluster.volumes.indexes import discard
from scheduler.cluster.volumes.migration import Attachable
from scheduler.cluster.volumes.storage import StorageObjects


class Attachments:
    """``rows`` is node name -> row, of the nodes that are there; ``counters`` is told which rows' counts changed."""

    def __init__(
        self, storage: StorageObjects, attached: AttachedVolumes, rows: Mapping[str, int], counters: ChangeLog
    ) -> None:
        self._storage = storage
        self._attached = attached
        self._rows = rows
        self._counters = counters
        self._known: dict[str, VolumeAttachment] = {}
        self._to_node: dict[str, set[str]] = {}
        self._of_volume: dict[str, set[str]] = {}
        self._counted: dict[str, tuple[int, Attachable]] = {}

    def put(self, attachment: VolumeAttachment) -> None:
        """An attachment is there, or has changed."""
        self.drop(attachment.name)
        self._known[attachment.name] = attachment
        self._to_node.setdefault(attachment.spec.node_name, set()).add(attachment.name)
        self._of_volume.setdefault(_volume(attachment), set()).add(attachment.name)
        self._count(attachment)

    def drop(self, name: str) -> None:
        """An attachment is gone."""
        known = self._known.pop(name, None)
        if known is not None:
            self._uncount(name)
            discard(self._to_node, known.spec.node_name, name)
            discard(self._of_volume, _volume(known), name)

    def count_node(self, node: str) -> None:
        """The node has joined."""
        for name in self._to_node.get(node, ()):
            self._count(self._known[name])

    def uncount_node(self, node: str) -> None:
        """The reverse of ``count_node``."""
        for name in self._to_node.get(node, ()):
            self._uncount(name)

    def count_volume(self, volume: str) -> None:
        """The volume is there, or has changed."""
        for name in self._of_volume.get(volume, ()):
            self._count(self._known[name])

    def uncount_volume(self, volume: str) -> None:
        """The reverse of ``count_volume``, before the change."""
        for name in self._of_volume.get(volume, ()):
            self._uncount(name)

    def _count(self, attachment: VolumeAttachment) -> None:
        row = self._rows.get(attachment.spec.node_name)
        volume = self._storage.volumes.get(_volume(attachment))
        if row is None or volume is None or volume.spec.csi is None or not attachment.spec.attacher:
            return
        attached = Attachable(attachment.spec.attacher, volume.spec.csi.volume_handle)
        self._counted[attachment.name] = (row, attached)
        self._attached.add_attachment(row, attached)
        self._counters.touch(row)

    def _uncount(self, name: str) -> None:
        counted = self._counted.pop(name, None)
        if counted is not None:
            self._attached.remove_attachment(*counted)
            self._counters.touch(counted[0])


def _volume(attachment: VolumeAttachment) -> str:
    """Empty for a volume that a pod names itself."""
    return attachment.spec.source.persistent_volume_name or ""
