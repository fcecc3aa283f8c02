"""Which manifest of an index a node's runtime ends up with, if any.

Owns the choice among the entries of an index, odd ones included: without platform, nested, missing, artifacts. Whether
a single entry is acceptable is ``acceptance``; whether the chosen manifest then runs is ``matching``.

containerd (``core/images``: ``Manifest``, ``FilterPlatforms``, ``LimitManifests``) sorts the accepted entries, takes
the first and stands by it: when that one is no good, nothing else is tried. Entries without platform come last, and
their config decides. CRI-O (containers/image: ``ChooseInstance``) takes the first entry without platform unseen, and
does not follow an index inside an index.
"""

from __future__ import annotations

import msgspec

from scheduler.images import media_types
from scheduler.images.acceptance import Acceptance, exact, strict, with_fallback
from scheduler.images.content import ContentKind, FailureCause, ImageContent, ImageFailure, IndexEntry
from scheduler.images.node_platform import NodePlatform
from scheduler.images.runtime import Runtime, library_rules
from scheduler.images.verdict import Cause

_NOT_OPENED = ImageFailure(FailureCause.PENDING, "its index entry has not been read yet")
_BROKEN = frozenset({FailureCause.NOT_FOUND, FailureCause.MALFORMED})  # of a child: the pull fails for good


class Selection(msgspec.Struct, frozen=True, gc=False):
    """What the runtime ends up with: exactly one of a leaf ``entry``, a ``cause``, or a ``failure`` to know."""

    entry: IndexEntry | None = None
    cause: Cause | None = None
    failure: ImageFailure | None = None


def select(index: ImageContent, node: NodePlatform, *, fallback: bool) -> Selection:
    """Choose as the node's runtime does. ``fallback``: containerd pulls there without the transfer service."""
    if node.runtime is Runtime.CRI_O:
        return _select_by_crio(index, exact(node))
    newest_first = node.os == "windows" and library_rules(node.runtime).windows_newest_first
    return _Library(with_fallback(node), None if fallback else strict(node), newest_first).select(index)


class _Library(msgspec.Struct, frozen=True, gc=False):
    """containerd and Docker. ``fetched``: what the transfer service fetches; None where all that is chosen is."""

    acceptance: Acceptance
    fetched: Acceptance | None
    newest_first: bool

    def select(self, index: ImageContent) -> Selection:
        entry = self._first(index)
        if entry is None:
            return Selection(cause=Cause.NO_PLATFORM)
        if self.fetched is not None and any(self._is_fetched(each) and _is_broken(each) for each in index.entries):
            return Selection(cause=Cause.CHILD_MISSING)
        return self._follow(entry)

    def _first(self, index: ImageContent) -> IndexEntry | None:
        entries = [entry for entry in index.entries if not entry.attestation]
        ranked = [
            (position, entry.platform.os_version, entry)
            for entry in entries
            if entry.platform is not None and (position := self.acceptance.position(entry.platform)) is not None
        ]
        if not ranked:
            return next((entry for entry in entries if entry.platform is None), None)
        if self.newest_first:
            return max(ranked, key=lambda rank: rank[1])[2]
        return min(ranked, key=lambda rank: rank[0])[2]

    def _is_fetched(self, entry: IndexEntry) -> bool:
        """The transfer service fetches every strict match and every entry without platform; one missing fails all."""
        if entry.attestation or self.fetched is None:
            return False
        return entry.platform is None or self.fetched.position(entry.platform) is not None

    def _follow(self, entry: IndexEntry) -> Selection:
        if not self._is_fetched(entry) and self.fetched is not None:
            return Selection(cause=Cause.FALLBACK_ONLY)
        if _is_broken(entry):
            return Selection(cause=Cause.CHILD_MISSING)
        if entry.is_index:
            return Selection(failure=_unread(entry)) if entry.content is None else self.select(entry.content)
        if entry.media_type not in media_types.MANIFESTS:
            return Selection(cause=Cause.NOT_AN_IMAGE)
        if entry.platform is None:
            return self._by_config(entry)
        return Selection(entry)

    def _by_config(self, entry: IndexEntry) -> Selection:
        if entry.content is None:
            return Selection(failure=_unread(entry))
        config = entry.content.platform
        if config is None or self.acceptance.position(config) is None:
            return Selection(cause=Cause.NO_PLATFORM)
        return Selection(entry)


def _select_by_crio(index: ImageContent, acceptance: Acceptance) -> Selection:
    oci = index.media_type != media_types.DOCKER_LIST  # Docker lists: no zstd rule, and a platform is demanded
    ranked = []
    for place, entry in enumerate(index.entries):
        position = acceptance.position(entry.platform) if entry.platform is not None else None
        if entry.attestation or (position is None and (entry.platform is not None or not oci)):
            continue
        ranked.append((entry.platform is None, position or 0, not (oci and entry.zstd), place))
    return _follow_by_crio(index.entries[min(ranked)[-1]]) if ranked else Selection(cause=Cause.NO_PLATFORM)


def _follow_by_crio(entry: IndexEntry) -> Selection:
    if _is_broken(entry):
        return Selection(cause=Cause.CHILD_MISSING)
    if entry.is_index:
        return Selection(cause=Cause.NESTED_INDEX)
    if entry.media_type not in media_types.MANIFESTS or _is_artifact(entry):
        return Selection(cause=Cause.NOT_AN_IMAGE)
    if entry.platform is None and entry.content is None:
        return Selection(failure=_unread(entry))
    return Selection(entry)


def _is_broken(entry: IndexEntry) -> bool:
    return entry.failure is not None and entry.failure.cause in _BROKEN


def _is_artifact(entry: IndexEntry) -> bool:
    return entry.content is not None and entry.content.kind is ContentKind.ARTIFACT


def _unread(entry: IndexEntry) -> ImageFailure:
    return entry.failure or _NOT_OPENED
