"""On random small clusters the plugins about storage say what their plain twin says, whatever happened before."""

from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.api.storage import StorageObject
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.plugins.node_volume_limits import NodeVolumeLimits
from scheduler.plugins.volume_binding import VolumeBinding
from scheduler.plugins.volume_restrictions import VolumeRestrictions
from scheduler.plugins.volume_zone import VolumeZone
from tests.builders import decoded
from tests.oracle.strategies import volumes
from tests.oracle.strategies.family import cases
from tests.plugins import volume_twin as twin

KINDS = {kind.__name__: kind for kind in (Node, *get_args(StorageObject))}
PLUGINS = [VolumeRestrictions(), NodeVolumeLimits(), VolumeBinding(), VolumeZone()]


def taken_apart(case):
    """(things to put into a cache, pending pod)"""
    things = [decoded(o, KINDS[o["kind"]]) for o in case["objects"] if o["kind"] in KINDS]
    placed = [decoded(o, Pod) for o in case["objects"] if o["kind"] == "Pod" and o["spec"].get("nodeName")]
    return things + placed, decoded(case["pod"], Pod)


def put(cache, thing):
    if isinstance(thing, Node):
        cache.add_node(thing)
    elif isinstance(thing, Pod):
        cache.add_pod(thing)
    else:
        cache.put_storage(thing)


def drop(cache, thing):
    if isinstance(thing, Node):
        cache.remove_node(thing.name)
    elif isinstance(thing, Pod):
        cache.remove_pod(thing)
    else:
        cache.drop_storage(thing)


def storage_of(things):
    nodes = [t for t in things if isinstance(t, Node)]
    pods = [t for t in things if isinstance(t, Pod)]
    return twin.TwinStorage(nodes, pods, [t for t in things if not isinstance(t, Node | Pod)])


def states_of(cache, pod):
    """By plugin name, of those that have something to say to the pod."""
    info = make_pod_info(pod, (), cache.classes)
    return {p.name: p.state(info, cache) for p in PLUGINS if p.pre_filter(info.pod_class) is None}


def answer(state, cache, node):
    row = cache.nodes.row_of(node)
    mask = state.mask()
    if mask is None or mask[row]:
        return None
    ids, rejections = state.explain([row])
    return shown(rejections[ids[0]])


def shown(rejection):
    return rejection and (rejection.plugin, str(rejection.code), list(rejection.reasons))


def check(states, cache, pod, storage):
    """Every plugin, each by itself."""
    prefilters = {
        "VolumeRestrictions": twin.restrictions_prefilter,
        "NodeVolumeLimits": lambda _pod, _storage: None,
        "VolumeBinding": twin.binding_prefilter,
        "VolumeZone": twin.zone_prefilter,
    }
    filters = {
        "VolumeRestrictions": twin.restrictions,
        "NodeVolumeLimits": twin.limits,
        "VolumeBinding": lambda *given: twin.binding(*given)[0],
        "VolumeZone": twin.zone,
    }
    for name, state in states.items():
        state.refresh()
        wanted = prefilters[name](pod, storage)
        assert shown(state.rejection) == wanted
        if wanted is not None:
            continue
        for node in storage.nodes:
            assert answer(state, cache, node.name) == filters[name](pod, node, storage), (name, node.name)
    binding = states.get("VolumeBinding")
    if binding is not None and binding.rejection is None:
        check_scores(binding, cache, pod, storage)


def check_scores(state, cache, pod, storage):
    scores = state.score(cache.nodes.live[: cache.nodes.size])
    for node in storage.nodes:
        found, static, dynamic = twin.binding(pod, node, storage)
        if found is None:
            assert scores[cache.nodes.row_of(node.name)] == twin.binding_score(static, dynamic)


@settings(max_examples=150, deadline=None)
@given(cases(volumes.FAMILY), st.randoms(use_true_random=False))
def test_answers_are_those_of_the_twin_after_any_history(case, chance):
    """Things come in any order, some go, each goes once and comes again, and the same states are asked in between."""
    things, pod = taken_apart(case)
    cache = Cache()
    states = states_of(cache, pod)
    there = []
    for thing in chance.sample(things, len(things)):
        put(cache, thing)
        there.append(thing)
        if chance.random() < 0.3:
            gone = chance.choice(there)
            drop(cache, gone)
            there.remove(gone)
    check(states, cache, pod, storage_of(there))
    for thing in things:
        put(cache, thing)
    check(states, cache, pod, storage_of(things))
    for thing in things:
        drop(cache, thing)
        check(states, cache, pod, storage_of([other for other in things if other is not thing]))
        put(cache, thing)
        check(states, cache, pod, storage_of(things))
    check(states_of(cache, pod), cache, pod, storage_of(things))


@settings(max_examples=100, deadline=None)
@given(cases(volumes.FAMILY), st.randoms(use_true_random=False))
def test_a_dry_run_says_what_the_change_itself_would_bring(case, chance):
    """Except that claims for one pod only are counted as upstream counts them in a dry run."""
    things, pod = taken_apart(case)
    cache = Cache()
    for thing in things:
        put(cache, thing)
    storage = storage_of(things)
    states = states_of(cache, pod)
    for state in states.values():
        state.refresh()
    asked = {name: state for name, state in states.items() if state.rejection is None}
    for node in storage.nodes:
        here = [p for p in storage.pods if p.spec.node_name == node.name]
        gone = chance.sample(here, chance.randint(0, len(here)))
        come = [p for p in storage.pods if p not in here and chance.random() < 0.3]
        changed = storage_of([t for t in things if t not in gone and t not in come])
        moved = [decoded_on(p, node.name) for p in come]
        changed.pods += moved
        row = cache.nodes.row_of(node.name)
        records = dict(cache)
        for name, state in asked.items():
            found = state.rejection_if(
                row, [records[p.metadata.uid] for p in gone], [records[p.metadata.uid] for p in come]
            )
            assert shown(found) == dry_run(name, pod, node, storage, changed, (gone, moved)), (name, node.name)


def dry_run(name, pod, node, storage, changed, exchange):
    """The twin's answer; ``changed`` is the storage after the exchange of pods."""
    match name:
        case "VolumeRestrictions":
            return twin.restrictions(pod, node, storage, *exchange)
        case "NodeVolumeLimits":
            return twin.limits(pod, node, changed)
        case "VolumeBinding":
            return twin.binding(pod, node, storage)[0]
        case _:
            return twin.zone(pod, node, storage)


def decoded_on(pod, node):
    document = {"metadata": pod.metadata, "spec": pod.spec, "status": pod.status}
    moved = decoded(document, Pod)
    moved.spec.node_name = node
    return moved
