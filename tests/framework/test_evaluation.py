"""After any history, what is counted and what is remembered equal what a fresh look at the same cluster gives."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec.structs import replace

from scheduler.api.requirement import Requirement
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.cluster.ports import HostPort
from scheduler.cluster.selection.pod_selectors import PodSelector
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.framework.diagnosis import node_statuses
from scheduler.plugins.catalogue import default_profile, upstream_profile
from tests.builders import a_node, a_pod, a_taint, expressions, preferred
from tests.plugins.clusters import (
    IMAGE_LISTS,
    IMAGES,
    NAMESPACES,
    NODE_NAMES,
    TEAMS,
    ZONE,
    a_namespace,
    nodes,
    pods,
    workloads,
)

PROFILE = default_profile("test", platform_weights={"linux/arm64": 70})
NODE = st.sampled_from(NODE_NAMES).flatmap(nodes)
LOCAL_PORT = HostPort("127.0.0.1", "TCP", 80)
HAS_DISK = Requirement("disk", "In", frozenset({"ssd"}))
APP_A = (Requirement("app", "In", frozenset({"a"})),)
STANDING = (
    (PodSelector(frozenset({"default"}), None, APP_A),),
    (PodSelector(frozenset(), (), APP_A),),
    (PodSelector(frozenset(), (Requirement("team", "In", frozenset({"x"})),), ()),),
    (PodSelector(frozenset({"far"}), (), APP_A), PodSelector(frozenset({"default"}), None, ())),
)
"""Selectors that somebody asks about all the time."""
NEWCOMERS = [
    a_pod(namespace=namespace, labels=labels)
    for namespace in NAMESPACES
    for labels in ({}, {"app": "a"}, {"app": "b", "tier": "a"})
]
"""Pods that carried terms are asked about."""


class ClusterHistory(RuleBasedStateMachine):
    """Drives one cache and one cycle; keeps the plain lists that both can be rebuilt from."""

    def __init__(self):
        super().__init__()
        self.cache = Cache()
        self.cycle = SchedulingCycle(self.cache, PROFILE)
        self.nodes = {}
        self.bound = {}
        self.assumed = {}
        self.namespaces = {}
        self.workloads = {}
        self.number = 0
        self.matchers = matchers_of(self.cache)

    @initialize(watched=st.lists(st.tuples(pods("watched"), IMAGE_LISTS), min_size=2, max_size=3))
    def watch_some_classes(self, watched):
        self.watched = watched

    # What happens

    @rule(node=NODE)
    def put_node(self, node):
        self.nodes[node.name] = node
        self.cache.add_node(node)

    @rule(name=st.sampled_from(NODE_NAMES))
    def remove_node(self, name):
        self.nodes.pop(name, None)
        self.cache.remove_node(name)

    @rule(pod=pods("bound"), name=st.sampled_from(NODE_NAMES))
    def bind_from_outside(self, pod, name):
        self.number += 1
        pod.metadata.uid = f"bound-{self.number}"
        pod.spec.node_name = name
        self.bound[pod.metadata.uid] = pod
        self.cache.add_pod(pod)

    @rule(name=st.sampled_from(NAMESPACES), labels=st.none() | TEAMS)
    def label_a_namespace(self, name, labels):
        if labels is None:
            self.namespaces.pop(name, None)
            self.cache.remove_namespace(name)
        else:
            self.namespaces[name] = a_namespace(name, labels)
            self.cache.add_namespace(self.namespaces[name])

    @rule(workload=workloads(), goes=st.booleans())
    def change_a_workload(self, workload, goes):
        key = (type(workload), workload.metadata.namespace, workload.metadata.name)
        if goes:
            self.workloads.pop(key, None)
            self.cache.remove_workload(workload)
        else:
            self.workloads[key] = workload
            self.cache.add_workload(workload)

    @precondition(lambda self: self.bound)
    @rule(data=st.data(), finished=st.booleans())
    def end_a_pod(self, data, finished):
        pod = self.bound.pop(data.draw(st.sampled_from(sorted(self.bound))))
        if finished:
            pod.status.phase = "Succeeded"
            self.cache.update_pod(pod)
        else:
            self.cache.remove_pod(pod)

    @precondition(lambda self: self.bound)
    @rule(data=st.data(), other=pods("other"))
    def resize_a_pod(self, data, other):
        uid = data.draw(st.sampled_from(sorted(self.bound)))
        other.metadata.uid = uid
        other.spec.node_name = self.bound[uid].spec.node_name
        self.bound[uid] = other
        self.cache.update_pod(other)

    @precondition(lambda self: self.nodes)
    @rule(which=st.integers(0, 2), times=st.integers(1, 3))
    def schedule_and_assume(self, which, times):
        for _ in range(times):
            self.number += 1
            info = self.info(self.cache, which, f"assumed-{self.number}")
            decision = self.cycle.decide(info)
            if isinstance(decision, Placed):
                self.assumed[info.uid] = (info.pod, decision.node)
                self.cache.assume(info, decision.node)

    @precondition(lambda self: self.assumed)
    @rule(data=st.data(), fails=st.booleans())
    def settle_a_binding(self, data, fails):
        uid = data.draw(st.sampled_from(sorted(self.assumed)))
        pod, node = self.assumed.pop(uid)
        if fails:
            self.cache.forget(uid)
        else:
            self.bound[uid] = shown_by_the_watch(pod, node)
            self.cache.add_pod(self.bound[uid])

    # What must hold

    @rule()
    def counters_equal_a_recount(self):
        fresh = self.recounted()
        assert self.counters(self.cache, self.matchers) == self.counters(fresh, matchers_of(fresh))
        assert set(self.cache.assumed_pods()) == set(self.assumed)
        assert len(self.cache) == len(self.bound) + len(self.assumed)

    @precondition(lambda self: self.nodes)
    @rule(which=st.integers(0, 2))
    def a_remembered_class_equals_a_fresh_look(self, which):
        fresh = self.recounted()
        remembered = self.view(self.cache, self.cycle, which)
        assert remembered == self.view(fresh, SchedulingCycle(fresh, PROFILE), which)
        assert remembered == self.view(self.cache, SchedulingCycle(self.cache, PROFILE), which)

    @precondition(lambda self: self.nodes)
    @rule(which=st.integers(0, 2))
    def the_same_input_gives_the_same_answer(self, which):
        fresh = self.recounted()
        decisions = [
            cycle.decide(self.info(cache, which, "same"))
            for cache, cycle in ((self.cache, self.cycle), (fresh, SchedulingCycle(fresh, PROFILE)))
        ]
        assert len({getattr(d, "node", None) or d.fit_error.message for d in decisions}) == 1

    # How to see it

    def recounted(self):
        """A cache that saw only what is there now, in another order."""
        cache = Cache()
        for workload in self.workloads.values():
            cache.add_workload(workload)
        for pod in self.bound.values():
            cache.add_pod(pod)
        for namespace in self.namespaces.values():
            cache.add_namespace(namespace)
        for name in sorted(self.nodes, reverse=True):
            cache.add_node(self.nodes[name])
        for uid, (pod, node) in self.assumed.items():
            cache.assume(make_pod_info(pod, None, cache.classes), node)
            assert uid == pod.metadata.uid
        return cache

    def info(self, cache, which, uid):
        pod, images = self.watched[which % len(self.watched)]
        named = replace(pod, metadata=replace(pod.metadata, uid=uid))
        return make_pod_info(named, images, cache.classes)

    def counters(self, cache, matchers):
        table = cache.nodes
        rows = {node.name: row for row, node in table}
        return {
            "resources": {
                (name, resource): self.amounts(table.resources, resource, row)
                for name, row in rows.items()
                for resource in ("cpu", "memory", "pods", "example.com/gpu", "ephemeral-storage")
            },
            "ports": {table.name(row) for row in table.ports.rows_in_conflict(LOCAL_PORT)},
            "labels": {n for n, row in rows.items() if table.labels.matching(HAS_DISK, slice(0, table.size))[row]},
            "images": {
                image: {table.name(row) for row in table.images.get(image).rows().tolist()}
                for image in IMAGES
                if table.images.get(image) is not None
            },
            "matchers": [self.by_name(table, matcher.tally) for matcher in matchers],
            "carried": {
                (term.role, term.weight, term.term): self.by_name(table, term.tally)
                for shape in (cache.classes.shapes.of(pod) for pod in NEWCOMERS)
                for term in cache.carried_terms.about(shape)
            },
            "interned": (len(table.taint_sets), len(table.platform_values), len(table.feature_sets)),
        }

    def amounts(self, resources, name, row):
        """Whether a resource still has a column that no node offers any more is a matter of history."""
        column = resources.column(name)
        if column is None:
            taken = resources.unoffered.get(name, {}).get(row, 0)
            return (0, taken, taken)
        return tuple(int(kind[column][row]) for kind in (resources.allocatable, resources.requested, resources.scored))

    def by_name(self, table, tally):
        counts = tally.counts(table.size)
        assert tally.total == counts.sum()
        for key in (ZONE, "disk"):
            domains = tally.by(key, table)
            domains.refresh()
            sums = {}
            for row, node in table:
                if key in node.metadata.labels:
                    sums.setdefault(node.metadata.labels[key], []).append(int(counts[row]))
            column = table.labels.column(key)
            ids = {} if column is None else {value: column.values.id_of(value) for value in sums}
            assert {value: int(domains.sums[ids[value]]) for value in sums} == {v: sum(n) for v, n in sums.items()}
            assert {value: int(domains.members[ids[value]]) for value in sums} == {v: len(n) for v, n in sums.items()}
        return {node.name: int(counts[row]) for row, node in table if counts[row]}

    def view(self, cache, cycle, which):
        evaluation = cycle.pod_evaluation(self.info(cache, which, "view"))
        if evaluation.rejection is not None:
            return evaluation.rejection
        found = node_statuses(evaluation, cache.nodes)
        view = {}
        for row, number in zip(found.rows.tolist(), found.ids.tolist(), strict=True):
            feasible = int(evaluation.keys[row]) >= 0
            assert feasible is (number < 0)
            view[cache.nodes.name(row)] = evaluation.total(row) if feasible else found.rejections[number]
        assert evaluation.feasible == sum(isinstance(entry, int) for entry in view.values())
        return view


def matchers_of(cache):
    return [cache.matchers.acquire(selectors, terminating=True) for selectors in STANDING]


def shown_by_the_watch(pod, node):
    """The pod once it is bound: another object, as every news of the API server is."""
    return replace(pod, spec=replace(pod.spec, node_name=node))


ClusterHistory.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestClusterHistory = ClusterHistory.TestCase


# A long run at a size where rows are repaired in every way: singly, a few together, with changed facts among them


def varied_node(number, generation=0):
    return a_node(
        f"n{number}",
        cpu=str(2 + number % 3),
        pods=str(4 + number % 5),
        labels={"disk": ["ssd", "hdd"][(number + generation) % 2], "gen": str(number % 4)},
        taints=[a_taint("slow", effect="PreferNoSchedule")] * (number % 3 == 0),
    )


def varied_pod(number, on=""):
    likes = preferred(
        (10, expressions(("disk", "In", ["ssd"]))), (number % 3 * 30 + 1, expressions(("gen", "Gt", ["1"])))
    )
    requests = {"cpu": f"{(number % 3 + 1) * 100}m", "memory": "256Mi"}
    return a_pod(f"p{number}", on=on, requests=requests, node_affinity=likes)


def test_a_long_run_of_remembered_classes_decides_as_if_nothing_were_remembered():
    cache = Cache()
    for number in range(40):
        cache.add_node(varied_node(number))
    profile = upstream_profile("test")
    cycle = SchedulingCycle(cache, profile)
    unplaced = 0
    for number in range(260):
        if number % 25 == 0:
            cache.update_node(varied_node(number % 40, generation=number))
        if number % 40 == 0:  # longer than FEW_ROWS, so that the next look repairs rows together
            for other in range(6):
                cache.add_pod(varied_pod(1000 + number + other, on=f"n{(number + other) % 40}"))
        info = make_pod_info(varied_pod(number), None, cache.classes)
        decision, fresh = cycle.decide(info), SchedulingCycle(cache, profile).decide(info)
        if isinstance(decision, Placed):
            assert decision == fresh
            cache.assume(info, decision.node)
        else:
            unplaced += 1
            assert decision.fit_error.message == fresh.fit_error.message
    assert 0 < unplaced < 60, "the cluster fills up towards the end"


def test_a_node_is_never_given_more_than_it_has():
    cache = Cache()
    for number in range(7):
        cache.add_node(varied_node(number))
    cycle = SchedulingCycle(cache, upstream_profile("test"))
    for number in range(100):
        info = make_pod_info(varied_pod(number), None, cache.classes)
        decision = cycle.decide(info)
        if isinstance(decision, Placed):
            cache.assume(info, decision.node)
    resources = cache.nodes.resources
    for allocatable, requested in zip(resources.allocatable, resources.requested, strict=True):
        assert (requested <= allocatable).all()
    assert len(cache) > 7 * 3
