"""With several profiles, a pod is asked about by the hints of its own."""

import pytest

from scheduler.framework.plugin import PreFilterPlugin
from scheduler.framework.profile import Profile, hints_of
from scheduler.queue.events import ClusterEvent, EventKind
from tests.builders import a_pod


class Hinting(PreFilterPlugin):
    name = "Hinting"

    def __init__(self, **answers):
        self._answers = {EventKind[kind]: answer for kind, answer in answers.items()}

    @property
    def hints(self):
        return {kind: lambda _pod, _event, answer=answer: answer for kind, answer in self._answers.items()}


EAGER = Profile("eager", (Hinting(NODE_ADD=True, NODE_DELETE=True),), ())
SHY = Profile("shy", (Hinting(NODE_ADD=False),), ())
PLAIN = Profile("plain", (), ())


def test_one_profile_has_its_own():
    assert set(hints_of([SHY])["Hinting"]) == {EventKind.NODE_ADD}


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("eager", "NODE_ADD", True),
        ("shy", "NODE_ADD", False),
        ("eager", "NODE_DELETE", True),
        ("shy", "NODE_DELETE", False),
        ("plain", "NODE_ADD", False),
    ],
)
def test_the_profile_that_the_pod_names_decides(name, kind, expected):
    hints = hints_of([EAGER, SHY, PLAIN])["Hinting"]
    pod = a_pod(spec={"schedulerName": name})
    assert hints[EventKind[kind]](pod, ClusterEvent(EventKind[kind])) is expected
