"""Label columns: made when asked for, kept up to date, gone with the last carrier."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scheduler.api.requirement import Requirement
from scheduler.cluster.labels import LabelColumns

KEYS = st.sampled_from("ab")
LABELS = st.dictionaries(KEYS, st.sampled_from(["x", "y", "1", "2"]), max_size=2)
REQUIREMENTS = st.one_of(
    st.builds(Requirement, KEYS, st.sampled_from(["In", "NotIn"]), st.frozensets(st.sampled_from("xyz"), min_size=1)),
    st.builds(Requirement, KEYS, st.sampled_from(["Exists", "DoesNotExist"])),
    st.builds(Requirement, KEYS, st.sampled_from(["Gt", "Lt"]), bound=st.integers(0, 2)),
)
ROWS = 5


@given(st.lists(st.tuples(st.integers(0, ROWS - 1), st.none() | LABELS, REQUIREMENTS), max_size=20))
def test_after_any_changes_a_column_says_the_same_as_the_labels(steps):
    labels: dict[int, dict[str, str]] = {}
    columns = LabelColumns(ROWS, lambda: iter(labels.items()))
    for row, new, requirement in steps:
        columns.put(row, labels.get(row), new)
        if new is None:
            labels.pop(row, None)
        else:
            labels[row] = new
        living = np.array(sorted(labels), dtype=np.intp)
        expected = [requirement.matches(labels[r].get(requirement.key)) for r in living.tolist()]
        assert columns.matching(requirement, living).tolist() == expected
        assert columns.matching(requirement, slice(0, ROWS))[living].tolist() == expected


def test_keys_that_no_node_carries_get_no_column():
    columns = LabelColumns(ROWS, lambda: iter({0: {"a": "x"}}.items()))
    columns.put(0, None, {"a": "x"})
    for number in range(100):
        columns.matching(Requirement(f"key-{number}", "Exists"), slice(0, ROWS))
    columns.matching(Requirement("a", "Exists"), slice(0, ROWS))
    assert list(columns.keys()) == ["a"]
    columns.put(0, {"a": "x"}, {})
    assert list(columns.keys()) == []


def test_a_column_grows_with_the_table():
    columns = LabelColumns(1, lambda: iter({0: {"a": "x"}}.items()))
    columns.put(0, None, {"a": "x"})
    exists = Requirement("a", "Exists")
    assert columns.matching(exists, slice(0, 1)).tolist() == [True]
    columns.grow(3)
    columns.put(2, None, {"a": "y"})
    assert columns.matching(exists, np.array([0, 2])).tolist() == [True, True]
