"""Which pods a term means, and how a placed pod's term differs from a pending one's."""

import pytest

from scheduler.api.affinity import PodAffinityTerm
from scheduler.api.selectors import InvalidSelector
from scheduler.cluster.selection.namespaces import NamespaceLabels
from scheduler.cluster.selection.pod_selectors import parse_pod_term
from scheduler.cluster.shapes import PodShape
from tests.builders import a_pod_term, decoded, matching
from tests.plugins.clusters import a_namespace

WEB = {"app": "web"}
NO_TEAM = {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}

# what the term says, the pod's namespace, meant as a pending pod's term, meant as a placed pod's term
CASES = [
    ({}, "home", True, True),
    ({}, "far", False, False),
    ({"namespaces": ["far"]}, "far", True, True),
    ({"namespaces": ["far"]}, "home", False, False),
    ({"namespaceSelector": {}}, "far", True, True),
    ({"namespaceSelector": {}}, "unknown", True, True),
    ({"namespaceSelector": matching(team="x")}, "far", True, True),
    ({"namespaceSelector": matching(team="x")}, "home", False, False),
    ({"namespaceSelector": matching(team="x"), "namespaces": ["home"]}, "home", True, True),
    ({"namespaceSelector": NO_TEAM}, "home", True, True),
    ({"namespaceSelector": NO_TEAM}, "unknown", False, True),  # only namespaces that exist are resolved
]


@pytest.mark.parametrize(("more", "namespace", "pending", "placed"), CASES)
def test_namespaces_of_a_term(more, namespace, pending, placed):
    namespaces = NamespaceLabels()
    namespaces.put(a_namespace("home", {}))
    namespaces.put(a_namespace("far", {"team": "x"}))
    selector = parse_pod_term(decoded(a_pod_term("zone", matching(**WEB), **more), PodAffinityTerm), "home").selector
    shape = PodShape(namespace, WEB, terminating=False)
    assert selector.selects(shape, namespaces) is pending
    assert selector.selects_newcomer(shape, namespaces) is placed
    assert not selector.selects(PodShape(namespace, {}, terminating=False), namespaces)


def test_a_term_without_selector_means_nobody():
    selector = parse_pod_term(decoded(a_pod_term("zone", None), PodAffinityTerm), "home").selector
    assert not selector.selects(PodShape("home", WEB, terminating=False), NamespaceLabels())


def test_a_malformed_term_is_named():
    term = a_pod_term("zone", {"matchExpressions": [{"key": "a", "operator": "In", "values": []}]})
    with pytest.raises(InvalidSelector, match="values: Required value"):
        parse_pod_term(decoded(term, PodAffinityTerm), "home")
