"""What comes of an image on a node, for the simulated kubelets: the verdict of a container runtime.

Judges by what was pushed and by what the node says of itself, and shares nothing with the rules by which the scheduler
decides (``images.matching``), so that a demo may believe it. An index without a fitting entry is not pulled; a single
image is pulled whatever it is for, and does not start.
"""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.api.node import Node
from scheduler.images.platform import Platform
from scheduler.sandbox.kubelet_status import ImageTrouble

_BUILD_LABEL = "node.kubernetes.io/windows-build"


class PushedImages:
    """The images of one registry, and where they run."""

    def __init__(self) -> None:
        self._images: dict[str, tuple[tuple[Platform, ...], bool]] = {}  # name -> platforms, and: is it an index?

    def push(self, name: str, platforms: Sequence[Platform], *, index: bool) -> None:
        """``name`` as pods write it: ``127.0.0.1:5000/shop/web:1.4``."""
        self._images[name] = tuple(platforms), index

    def can_run(self, image: str, node: Node) -> ImageTrouble | None:
        """What goes wrong with the image on the node, or None."""
        known = self._images.get(image)
        if known is None:
            return ImageTrouble(f"failed to resolve reference {image!r}: {image}: not found")
        platforms, is_index = known
        if any(_runs(platform, node) for platform in platforms):
            return None
        if is_index:
            return ImageTrouble("no match for platform in manifest: not found")
        if any(platform.os != node.status.node_info.operating_system for platform in platforms):
            return ImageTrouble("the image's operating system is not that of the host", pulled=True)
        return ImageTrouble("exec /entrypoint: exec format error", pulled=True)


def _runs(platform: Platform, node: Node) -> bool:
    info = node.status.node_info
    if (platform.os, platform.architecture) != (info.operating_system, info.architecture):
        return False
    build = node.metadata.labels.get(_BUILD_LABEL, "")
    return not platform.os_version or platform.os_version.startswith(f"{build}.")
