"""What news of storage does: to the cache, and to the pods that wait for it."""

from __future__ import annotations

from scheduler.api.storage import PersistentVolumeClaim, VolumeAttachment
from scheduler.cluster.cache import Cache
from scheduler.loops.watching_storage import StorageWatch
from scheduler.queue.events import EventKind
from tests.storage_builders import a_claim, an_attachment


class Heard:
    """Stands for the sink of events."""

    def __init__(self) -> None:
        self.events: list[tuple[EventKind, object, object]] = []

    def happened(self, kind: EventKind, old: object, new: object) -> None:
        self.events.append((kind, old, new))


def claims_watch() -> tuple[Cache, Heard, StorageWatch[PersistentVolumeClaim]]:
    cache, heard = Cache(), Heard()
    watch = StorageWatch[PersistentVolumeClaim](cache, heard, added=EventKind.CLAIM_ADD, updated=EventKind.CLAIM_UPDATE)
    return cache, heard, watch


def known(cache: Cache) -> set[str]:
    return set(cache.nodes.volumes.storage.claims)


def test_a_new_claim_and_its_change_are_told_with_what_was_before() -> None:
    cache, heard, watch = claims_watch()
    first, second = a_claim("data"), a_claim("data", version="2")
    watch.added(first)
    watch.modified(second)
    assert heard.events == [(EventKind.CLAIM_ADD, None, first), (EventKind.CLAIM_UPDATE, first, second)]
    assert cache.nodes.volumes.storage.claims.get("default/data") is second


def test_a_fresh_list_drops_what_is_not_on_it_and_repeats_no_news() -> None:
    cache, heard, watch = claims_watch()
    watch.replaced([a_claim("stays"), a_claim("goes")])
    heard.events.clear()
    watch.replaced([a_claim("stays"), a_claim("comes")])
    assert known(cache) == {"default/stays", "default/comes"}
    assert [(kind, new) for kind, _, new in heard.events] == [(EventKind.CLAIM_ADD, a_claim("comes"))]


def test_a_deletion_is_news_only_where_it_can_help() -> None:
    cache, heard, watch = claims_watch()
    watch.added(a_claim("data"))
    heard.events.clear()
    watch.deleted(a_claim("data"))
    watch.deleted(a_claim("data"))
    assert known(cache) == set()
    assert heard.events == []
    attachments = StorageWatch[VolumeAttachment](cache, heard, deleted=EventKind.VOLUME_ATTACHMENT_DELETE)
    attachments.added(an_attachment())
    attachments.deleted(an_attachment())
    assert heard.events == [(EventKind.VOLUME_ATTACHMENT_DELETE, an_attachment(), None)]


def test_whoever_waits_for_a_claim_is_told_after_the_cache_knows() -> None:
    cache = Cache()
    seen: list[bool] = []
    watch = StorageWatch[PersistentVolumeClaim](
        cache, Heard(), changed=lambda claim: seen.append(claim.key in known(cache))
    )
    watch.added(a_claim("data"))
    watch.deleted(a_claim("data"))
    assert seen == [True, False]
