"""Profiles that cannot work are refused."""

import pytest

from scheduler.framework.profile import MAX_TOTAL, Profile
from scheduler.plugins.image_locality import ImageLocality
from scheduler.plugins.node_name import NodeName


def test_a_weight_must_be_positive():
    with pytest.raises(ValueError, match="profile mine: weight 0 of ImageLocality is not positive"):
        Profile("mine", (), ((ImageLocality(), 0),))


def test_weights_must_leave_room_for_the_tie_break():
    most = MAX_TOTAL // 100
    Profile("mine", (), ((ImageLocality(), most),))
    with pytest.raises(ValueError, match=f"profile mine: weights sum to {most + 1}, more than {most}"):
        Profile("mine", (), ((ImageLocality(), most), (ImageLocality(), 1)))


def test_the_hints_are_those_of_the_filters_by_name():
    plugin = NodeName()
    assert Profile("mine", (plugin,), ((ImageLocality(), 1),)).hints == {"NodeName": plugin.hints}
