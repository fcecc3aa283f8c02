"""A pod that the watch has shown is decided about without reading it again, and never after it has changed."""

from __future__ import annotations

import pytest

from extender.loops import known_pods
from extender.loops.known_pods import KnownPods
from scheduler.api.quantity import InvalidQuantity
from scheduler.cluster.cache import Cache
from scheduler.images.content import ImageContent
from scheduler.images.pod_images import ResolvedImage, pod_images
from tests.extender.builders import a_pod, an_index

ARM = an_index("linux/arm64")


@pytest.fixture
def known() -> KnownPods:
    return KnownPods(Cache().classes)


def answers(content: ImageContent = ARM) -> tuple[ResolvedImage, ...]:
    return tuple(ResolvedImage(image, content) for image in pod_images(a_pod()))


def test_a_pod_is_found_as_it_was_last_seen_and_not_as_it_was_before(known: KnownPods) -> None:
    known.seen(a_pod(resourceVersion="7"), None)
    assert known.find("uid-web-0", "7") == a_pod(resourceVersion="7")
    known.seen(a_pod(resourceVersion="8", labels={"canary": "yes"}), None)
    assert known.find("uid-web-0", "7") is None
    assert known.find("uid-web-0", "8") == a_pod(resourceVersion="8", labels={"canary": "yes"})
    known.gone("uid-web-0")
    assert (known.find("uid-web-0", "8"), len(known)) == (None, 0)


def test_what_a_decision_needs_is_worked_out_once_for_the_same_answers(known: KnownPods) -> None:
    images = answers()
    known.seen(a_pod(resourceVersion="7"), images)
    pod = known.find("uid-web-0", "7")
    assert pod is not None
    first = known.info(pod, images)
    assert known.info(pod, images) is first
    others = answers(an_index("linux/amd64"))
    changed = known.info(pod, others)
    assert changed.pod_class is not first.pod_class
    assert changed.pod_class.images == others


def test_of_a_pod_that_somebody_sent_nothing_is_kept(known: KnownPods) -> None:
    known.seen(a_pod(resourceVersion="7"), answers())
    sent = a_pod(cpu="2", resourceVersion="8")
    assert known.info(sent, answers()).pod is sent
    assert known.find("uid-web-0", "8") is None
    assert known.info(a_pod("web-1"), answers()).uid == "uid-web-1"
    assert len(known) == 1


def test_a_quantity_that_is_none_is_told_to_whoever_asks(known: KnownPods) -> None:
    known.seen(a_pod(cpu="much", resourceVersion="7"), answers())
    pod = known.find("uid-web-0", "7")
    assert pod is not None
    with pytest.raises(InvalidQuantity, match="much"):
        known.info(pod, answers())


def test_no_more_than_so_many_are_kept_and_those_go_on_to_be_followed(
    known: KnownPods, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_pods, "MOST", 1)
    known.seen(a_pod("web-0", resourceVersion="7"), answers())
    known.seen(a_pod("web-1", resourceVersion="7"), answers())
    assert (len(known), known.find("uid-web-1", "7")) == (1, None)
    known.seen(a_pod("web-0", resourceVersion="8"), answers())
    assert known.find("uid-web-0", "8") is not None
    known.gone("uid-web-0")
    known.seen(a_pod("web-1", resourceVersion="8"), answers())
    assert known.find("uid-web-1", "8") is not None
