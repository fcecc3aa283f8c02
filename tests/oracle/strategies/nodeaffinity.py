"""Node selectors and node affinity, required and preferred, by labels and by name, with terms that parse to nothing."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.strategies.family import Family
from tests.oracle.strategies.parts import Part, merged, some
from tests.oracle.strategies.selectors import NODE_LABELS, node_terms
from tests.oracle.strategies.vocabulary import ZONE

NODE: st.SearchStrategy[Part] = st.sampled_from(NODE_LABELS).map(lambda labels: {"metadata": {"labels": labels}})

_NODE_SELECTORS: tuple[dict[str, str], ...] = ({"disk": "ssd"}, {ZONE: "za"}, {"gen": "2", "disk": "hdd"}, {})

_PREFERRED_NUMBERS = ("1", "2", "7", "abc")
"""Here a term that does not parse fails the whole attempt, if more than one node fits."""


def _affinity(part: Part) -> Part:
    return {"spec": {"affinity": {"nodeAffinity": part}}}


_TERMS = st.one_of(
    st.lists(node_terms(), min_size=1, max_size=3),
    st.lists(node_terms(fields=("In",)), min_size=1, max_size=3),  # all by name: PreFilter narrows the search
)

REQUIRED: st.SearchStrategy[Part] = _TERMS.map(
    lambda terms: _affinity({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}})
)

_WEIGHTED = st.fixed_dictionaries(
    {"weight": st.sampled_from([1, 10, 50, 100]), "preference": node_terms(_PREFERRED_NUMBERS)}
)

PREFERRED: st.SearchStrategy[Part] = st.lists(_WEIGHTED, min_size=1, max_size=3).map(
    lambda terms: _affinity({"preferredDuringSchedulingIgnoredDuringExecution": terms})
)

SELECTOR: st.SearchStrategy[Part] = st.sampled_from(_NODE_SELECTORS).map(
    lambda labels: {"spec": {"nodeSelector": labels}}
)

POD: st.SearchStrategy[Part] = st.builds(merged, some(SELECTOR, 3), some(REQUIRED), some(PREFERRED))

FAMILY = Family("nodeaffinity", node=NODE, pending=POD, most_placed=4)
