"""Which tolerations tolerate which taints."""

import pytest

from scheduler.api.node import Taint
from scheduler.api.pod import Toleration
from scheduler.api.tolerations import any_tolerates, tolerates

TAINT = Taint(key="dedicated", value="gpu", effect="NoSchedule")


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        ({"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}, True),
        ({"key": "dedicated", "operator": "Equal", "value": "gpu"}, True),
        ({"key": "dedicated", "value": "cpu"}, False),
        ({"key": "dedicated"}, False),
        ({"key": "dedicated", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"value": "gpu"}, True),
        ({"key": "dedicated", "operator": "Gt", "value": "1"}, False),
        ({"key": "dedicated", "operator": "exists"}, False),
    ],
)
def test_a_toleration_tolerates_the_taint_or_not(toleration, expected):
    assert tolerates(Toleration(**toleration), TAINT) is expected


def test_numbers_are_not_compared_because_the_feature_gate_is_off():
    taint = Taint(key="slots", value="5", effect="NoSchedule")
    assert not tolerates(Toleration(key="slots", operator="Lt", value="10"), taint)


def test_one_toleration_is_enough():
    assert any_tolerates([Toleration(key="other"), Toleration(operator="Exists")], TAINT)
    assert not any_tolerates([], TAINT)
