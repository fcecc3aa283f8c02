"""What a filter would say if pods left a node and others came: the same as it says when they have.

Where upstream corrects its counts more simply than it takes them, it is left out here: pods that are being deleted,
empty selectors, and pods that arrive where nobody had anything to say before.
"""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info, uid_of
from scheduler.framework.status import Rejection
from scheduler.plugins.inter_pod_affinity import AffinityState, InterPodAffinity
from scheduler.plugins.pod_topology_spread import PodTopologySpread
from tests.builders import a_constraint, a_node, a_pod, a_pod_term, away, matching, spread
from tests.plugins.clusters import NAMESPACE_LABELS, NODE_NAMES, a_namespace, nodes, pods


def a_cache(members, placed, namespaces=()):
    cache = Cache()
    for node in members:
        cache.add_node(node)
    for name, labels in dict(namespaces).items():
        cache.add_namespace(a_namespace(name, labels))
    for pod in placed:
        cache.add_pod(pod)
    return cache


def says(plugin, cache, pod, row):
    """What the filter says of the row."""
    return state_of(plugin, cache, pod).rejection_if(row, (), ())


def state_of(plugin, cache, pod):
    state = plugin.state(make_pod_info(pod, None, cache.classes), cache)
    state.refresh()
    return state


def is_simple(pod):
    return pod.metadata.deletion_timestamp is None and all(
        constraint.label_selector is None
        or constraint.label_selector.match_labels
        or constraint.label_selector.match_expressions
        for constraint in pod.spec.topology_spread_constraints
    )


@st.composite
def changes(draw):
    """(nodes, pods that stay, pods that leave the first node, pods that come to it)"""
    members = [draw(nodes(name)) for name in NODE_NAMES[: draw(st.integers(1, 4))]]
    names = [node.name for node in members]
    stay = [draw(pods(f"stay-{i}", on=draw(st.sampled_from(names)))) for i in range(draw(st.integers(0, 4)))]
    gone = [draw(pods(f"gone-{i}", on=names[0])) for i in range(draw(st.integers(0, 2)))]
    come = [draw(pods(f"come-{i}", on=names[0])) for i in range(draw(st.integers(0, 2)))]
    return members, stay, gone, come


@settings(max_examples=150, deadline=None)
@given(changes(), pods("pending"), NAMESPACE_LABELS)
def test_a_dry_run_says_what_comes_true(change, pod, namespaces):
    members, stay, gone, come = change
    assume(all(map(is_simple, (pod, *stay, *gone, *come))))
    before = a_cache(members, (*stay, *gone), namespaces)
    apart = a_cache(members, come, namespaces)  # where those that come are known as placed pods
    after = a_cache(members, (*stay, *come), namespaces)
    leaving = [placed_in(before, other) for other in gone]
    coming = [placed_in(apart, other) for other in come]
    for plugin in (PodTopologySpread(), InterPodAffinity()):
        row = before.nodes.row_of(members[0].name)
        state = state_of(plugin, before, pod)
        if isinstance(state, AffinityState) and state.skips:
            assert state.rejection_if(row, leaving, coming) is None
            continue
        assert state.rejection_if(row, leaving, coming) == says(plugin, after, pod, row)
        assert agrees_with_mask(state, row)


def placed_in(cache, pod):
    return dict(cache)[uid_of(pod)]


def agrees_with_mask(state, row) -> bool:
    mask = state.mask()
    rejection = state.rejection_if(row, (), ())
    return (mask is None or bool(mask[row])) == (rejection is None)


def test_a_pod_that_is_being_deleted_is_taken_off_a_count_that_it_was_not_in():
    """As upstream: RemovePod does not ask."""
    web = {"app": "web"}
    dying = a_pod("dying", on="n", labels=web)
    dying = replace(dying, metadata=replace(dying.metadata, deletion_timestamp="2026-01-01T00:00:00Z"))
    members = [a_node("n", labels={"zone": "a"}), a_node("m", labels={"zone": "b"})]
    cache = a_cache(members, [dying, a_pod("one", on="n", labels=web), a_pod("two", on="n", labels=web)])
    pod = a_pod(labels=web, spec=spread(a_constraint("zone", matching(**web), skew=2)))
    state = state_of(PodTopologySpread(), cache, pod)
    row = cache.nodes.row_of("n")
    assert isinstance(state.rejection_if(row, (), ()), Rejection)
    assert state.rejection_if(row, [placed_in(cache, dying)], ()) is None


def test_a_pod_that_nobody_bars_is_not_asked_about_whoever_comes():
    """As upstream: a plugin that skips in PreFilter does not hear of nominated pods."""
    members = [a_node("n", labels={"zone": "a"})]
    hostile = a_pod("hostile", on="n", spec=away(a_pod_term("zone", {})))
    cache, apart = a_cache(members, []), a_cache(members, [hostile])
    state = state_of(InterPodAffinity(), cache, a_pod())
    assert state.rejection_if(cache.nodes.row_of("n"), (), [placed_in(apart, hostile)]) is None
