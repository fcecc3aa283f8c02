"""The index leaves out only selectors that cannot select, whatever comes and goes."""

from hypothesis import given
from hypothesis import strategies as st

from scheduler.api.requirement import Requirement, all_match
from scheduler.cluster.selection.label_index import LabelIndex

KEYS, VALUES = st.sampled_from(["a", "b"]), st.sampled_from(["1", "2", "3"])
REQUIREMENTS = st.lists(
    st.builds(
        Requirement,
        KEYS,
        st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
        st.frozensets(VALUES, min_size=1, max_size=2),
    ),
    max_size=3,
).map(tuple)


@given(
    st.dictionaries(st.integers(0, 9), REQUIREMENTS),
    st.sets(st.integers(0, 9)),
    st.dictionaries(KEYS, VALUES),
)
def test_every_item_that_selects_the_labels_is_a_candidate_once(items, gone, labels):
    index: LabelIndex[int] = LabelIndex()
    for number, requirements in items.items():
        index.add(number, requirements)
    for number in gone & items.keys():
        index.discard(number, items[number])
    candidates = list(index.candidates(labels))
    assert len(candidates) == len(set(candidates))
    selecting = {n for n, requirements in items.items() if n not in gone and all_match(requirements, labels)}
    assert selecting <= set(candidates) <= items.keys() - gone


def test_items_that_name_other_labels_are_no_candidates():
    index: LabelIndex[str] = LabelIndex()
    index.add("web", (Requirement("app", "In", frozenset({"web"})),))
    index.add("any", ())
    assert list(index.candidates({"app": "db"})) == ["any"]
