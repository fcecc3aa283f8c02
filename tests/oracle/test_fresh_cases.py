"""Fresh clusters, decided by the live kube-scheduler packages and by ours: the whole answers are equal.

A case whose answer the real scheduler leaves to chance (it changes with the order of the objects) is passed over.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scheduler.commands.evaluate import make_evaluator
from tests.oracle.comparing import difference
from tests.oracle.oracle import Oracle
from tests.oracle.strategies.catalogue import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

EVALUATOR = make_evaluator(None, None)


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle() as started:
        yield started


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_ours_is_the_answer_of_kube_scheduler(oracle: Oracle, family: str, data: st.DataObject) -> None:
    case = oracle.stored(data.draw(FAMILIES[family]))
    want = oracle.settled(case)
    assume(want is not None)
    assert want is not None
    found = json.loads(msgspec.json.encode(EVALUATOR.answer(json.dumps(case).encode())))
    assert difference(want, found) is None
