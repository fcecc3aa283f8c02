"""Affinity and anti-affinity between pods, of the pending pod and of those that run, across namespaces."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.recordings import Object
from tests.oracle.strategies import objects
from tests.oracle.strategies.family import Family
from tests.oracle.strategies.parts import NOTHING, Part, merged, some
from tests.oracle.strategies.selectors import LABEL_SELECTORS, keys_of
from tests.oracle.strategies.vocabulary import HOSTNAME, RACK, ZONE

_NAMESPACES: tuple[Object, ...] = (
    {},
    {},
    {"namespaces": ["team-a"]},
    {"namespaces": ["default", "team-b"]},
    {"namespaceSelector": {}},
    {"namespaceSelector": {"matchLabels": {"env": "prod"}}},
    {"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}},
    {"namespaces": ["default"], "namespaceSelector": {"matchLabels": {"team": "b"}}},
)


@st.composite
def _terms(draw: st.DrawFn) -> Object:
    term: Object = {
        "topologyKey": draw(st.sampled_from([ZONE, HOSTNAME, RACK])),
        **draw(st.sampled_from(_NAMESPACES)),
    }
    selector = draw(st.one_of(st.none(), LABEL_SELECTORS, LABEL_SELECTORS, LABEL_SELECTORS))
    if selector is None:
        return term
    term["labelSelector"] = selector
    keys = draw(st.sampled_from([None, None, None, "matchLabelKeys", "mismatchLabelKeys"]))
    free = sorted({"app", "version", "track"} - keys_of(selector))
    if keys and free:
        term[keys] = [draw(st.sampled_from(free))]
    return term


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_WEIGHTED = st.fixed_dictionaries({"weight": st.sampled_from([1, 10, 100]), "podAffinityTerm": _terms()})


@st.composite
def _rules(draw: st.DrawFn) -> Part:
    """One or two kinds of terms."""
    affinity: Object = {}
    for kind in draw(st.lists(st.sampled_from(["podAffinity", "podAntiAffinity"]), min_size=1, max_size=2)):
        demand, terms = draw(
            st.one_of(
                st.tuples(st.just(_REQUIRED), st.lists(_terms(), min_size=1, max_size=2)),
                st.tuples(st.just(_PREFERRED), st.lists(_WEIGHTED, min_size=1, max_size=2)),
            )
        )
        affinity.setdefault(kind, {})[demand] = terms
    return {"spec": {"affinity": affinity}}


POD: st.SearchStrategy[Part] = _rules()

PLACED: st.SearchStrategy[Part] = st.builds(
    merged, objects.CROWD, some(_rules()), st.sampled_from([{}] * 7 + [objects.terminating()])
)

FAMILY = Family(
    "podaffinity",
    placed=PLACED,
    pending=st.builds(merged, objects.CROWD, st.one_of(NOTHING, POD, POD, POD)),
    most_placed=8,
)
