"""Room is sought on all nodes at once, and repaired when something changes: the same as trying all nodes one by one."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from scheduler.api.policy import PodDisruptionBudget
from scheduler.cluster.cache import Cache
from scheduler.cluster.disruption_budgets import DisruptionBudgets
from scheduler.cluster.pod_info import make_pod_info, uid_of
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.framework.diagnosis import fit_error_text
from scheduler.framework.post_filter import Outcome
from scheduler.framework.what_if import WhatIf
from scheduler.plugins.catalogue import upstream_profile
from scheduler.plugins.default_preemption import NOT_HELPFUL
from tests.builders import a_constraint, a_node, a_pod, a_pod_term, away, decoded, matching, near, spread

NODES = ["n0", "n1", "n2", "n3"]
ZONE = "zone"
APPS = st.sampled_from(["a", "b", "c"])
STARTS = st.sampled_from(["", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2026-01-02T00:00:00+01:00"])
PORT = [{"hostPort": 80, "containerPort": 80}]
PLACED = [{}, {}, {}, {"ports": PORT}, {"spec": away(a_pod_term(ZONE, matching(app="a")))}]
PREEMPTORS = [
    {},
    {},
    {},
    {"ports": PORT},
    {"spec": away(a_pod_term("host", matching(app="b")))},
    {"spec": near(a_pod_term(ZONE, matching(app="c")))},
    {"spec": spread(a_constraint(ZONE, matching(app="a")))},
    {"selector": {"disk": "ssd"}},
]


@st.composite
def members(draw, name):
    return a_node(
        name,
        cpu=draw(st.sampled_from(["2", "3", "4"])),
        pods=draw(st.sampled_from(["3", "110"])),
        labels={"host": name, ZONE: draw(st.sampled_from(["x", "y"])), **draw(st.sampled_from([{}, {"disk": "ssd"}]))},
        unschedulable=draw(st.sampled_from([False, False, False, True])),
    )


def a_prioritised(name, app, cpu, priority, kind, on="", start=""):
    spec = {"priority": priority, **kind.get("spec", {})}
    more = {key: value for key, value in kind.items() if key != "spec"}
    status = {"startTime": start} if start else {}
    return a_pod(name, on=on, labels={"app": app}, requests={"cpu": cpu}, spec=spec, status=status, **more)


@st.composite
def placed_pods(draw, name):
    return a_prioritised(
        name,
        draw(APPS),
        draw(st.sampled_from(["0", "500m", "1", "1500m"])),
        draw(st.sampled_from([-5, 0, 0, 1, 5])),
        draw(st.sampled_from(PLACED)),
        draw(st.sampled_from(NODES)),
        draw(STARTS),
    )


@st.composite
def pending_pods(draw):
    kind = draw(st.sampled_from(PREEMPTORS))
    name = draw(st.sampled_from(["high-0", "high-1", "high-2"]))
    return a_prioritised(name, draw(APPS), draw(st.sampled_from(["1", "2", "3"])), draw(st.sampled_from([1, 10])), kind)


@st.composite
def budgets(draw):
    selector = draw(st.sampled_from([matching(app="a"), matching(app="b"), {"matchExpressions": [_exists("app")]}, {}]))
    disrupted = {draw(st.sampled_from(["p0", "p1"])): "2026-01-01T00:00:00Z"} if draw(st.integers(0, 3)) == 0 else {}
    return decoded(
        {
            "metadata": {"name": draw(st.sampled_from(["b0", "b1", "b2"])), "namespace": "default"},
            "spec": {"selector": selector},
            "status": {"disruptionsAllowed": draw(st.sampled_from([-1, 0, 1, 2])), "disruptedPods": disrupted},
        },
        PodDisruptionBudget,
    )


def _exists(key):
    return {"key": key, "operator": "Exists"}


PROBES = [
    a_prioritised("probe-1", "a", "1", 10, {}),
    a_prioritised("probe-2", "a", "2", 10, {}),
    a_prioritised("probe-3", "a", "2", 1, {}),
    *(a_prioritised(f"probe-{number}", "a", "1", 10, PREEMPTORS[number]) for number in range(3, 7)),
]


class MakingRoom(RuleBasedStateMachine):
    """One cycle lives through all changes; beside every answer, the nodes are tried one by one."""

    def __init__(self):
        super().__init__()
        self.cache = Cache()
        self.cycle = SchedulingCycle(self.cache, upstream_profile("test"))
        self.placed = {}
        self.budgets = {}
        for number, name in enumerate(NODES):
            self.cache.add_node(a_node(name, cpu="3", labels={"host": name, ZONE: "xy"[number % 2]}))

    @initialize(facts=st.lists(st.tuples(APPS, st.sampled_from([0, 0, 1]), STARTS), min_size=12, max_size=12))
    def the_cluster_is_full(self, facts):
        for number, (app, priority, start) in enumerate(facts):
            self.place(a_prioritised(f"p{number}", app, "1", priority, {}, NODES[number % 4], start))

    @rule(node=st.sampled_from(NODES).flatmap(members))
    def a_node_comes_or_changes(self, node):
        self.cache.add_node(node)

    @rule(name=st.sampled_from(NODES))
    def a_node_goes(self, name):
        self.cache.remove_node(name)

    @rule(pod=st.sampled_from([f"p{number}" for number in range(12)]).flatmap(placed_pods))
    def place(self, pod):
        self.placed[uid_of(pod)] = pod
        self.cache.add_pod(pod)

    @rule(data=st.data(), start=STARTS)
    def a_pod_starts(self, data, start):
        if self.placed:
            pod = data.draw(st.sampled_from(sorted(self.placed.values(), key=uid_of)))
            self.place(a_copy(pod, start))

    @rule(data=st.data())
    def a_pod_goes(self, data):
        if self.placed:
            uid = data.draw(st.sampled_from(sorted(self.placed)))
            self.cache.remove_pod(self.placed.pop(uid))

    @rule(budget=budgets())
    def a_budget_comes_or_changes(self, budget):
        self.budgets[budget.key] = budget
        self.cache.budgets.put(budget)

    @rule(data=st.data(), allowed=st.sampled_from([0, 1, 2]))
    def a_budget_allows_another_number(self, data, allowed):
        if self.budgets:
            budget = self.budgets[data.draw(st.sampled_from(sorted(self.budgets)))]
            status = replace(budget.status, disruptions_allowed=allowed)
            self.a_budget_comes_or_changes(replace(budget, status=status))

    @rule(budget=budgets())
    def a_budget_goes(self, budget):
        self.budgets.pop(budget.key, None)
        self.cache.budgets.drop(budget)

    @rule(
        pod=pending_pods() | st.just(a_prioritised("high-3", "b", "0", 10, {"ports": PORT})),
        node=st.sampled_from(NODES),
    )
    def nominate(self, pod, node):
        self.cache.nominate(pod, node)

    @rule(pod=pending_pods())
    def withdraw(self, pod):
        self.cache.nominations.withdraw(uid_of(pod))

    @rule(pods=st.lists(pending_pods(), min_size=1, max_size=3), carry_out=st.booleans())
    def preempt(self, pods, carry_out):
        for pod in pods:
            info = make_pod_info(pod, None, self.cache.classes)
            decision = self.cycle.decide(info)
            if isinstance(decision, Placed):
                continue
            result = self.cycle.post_filter(info, decision.fit_error)
            if result is None or "not eligible" in result.message:
                continue
            self.check(decision.fit_error, result)
            if carry_out and result.chosen:
                for victim in result.chosen.victims:
                    self.cache.remove_pod(self.placed.pop(uid_of(victim)))
                self.cache.nominate(pod, result.node)

    @staticmethod
    def check(fit_error, result):
        trials = result.trials()
        if trials.candidates:
            assert result.outcome is Outcome.SUCCESS
            assert result.node == trials.equals[0]
            assert result.chosen in trials.candidates
            return
        reasons = Counter(reason for rejection in trials.rejected.values() for reason in rejection.reasons)
        reasons[NOT_HELPFUL] += fit_error.nodes - len(trials.rejected)
        assert result.chosen is None
        assert result.message == f"preemption: {fit_error_text(fit_error.nodes, reasons)}"

    @invariant()
    def room_is_made_for_simple_pods(self):
        for pod in PROBES:
            info = make_pod_info(pod, None, self.cache.classes)
            decision = self.cycle.decide(info)
            result = None if isinstance(decision, Placed) else self.cycle.post_filter(info, decision.fit_error)
            if result is not None:
                self.check(decision.fit_error, result)

    @invariant()
    def room_is_left_to_nominated_pods(self):
        for pod in (*PROBES, a_prioritised("high-0", "a", "2", 10, {})):
            info = make_pod_info(pod, None, self.cache.classes)
            evaluation = self.cycle.pod_evaluation(info)
            if evaluation.rejection is None:
                assert self.cycle.blocked(info, evaluation) == self.blocked(info, evaluation)

    def blocked(self, info, evaluation):
        """By row, what is said beside the nominated pods that go first; nothing where they do not matter."""
        what_if = WhatIf(info, evaluation, self.cache)
        rows = [row for name in NODES if (row := self.cache.nodes.row_of(name)) is not None]
        first = {row: what_if.going_first(row) for row in rows}
        said = {row: what_if.rejection(row, (), nominated) for row, nominated in first.items() if nominated}
        return {row: rejection for row, rejection in said.items() if rejection is not None}

    @invariant()
    def budgets_are_exceeded_as_if_they_were_new(self):
        pods = list(self.placed.values())
        new = DisruptionBudgets()
        for budget in self.budgets.values():
            new.put(budget)
        assert self.cache.budgets.exceeding(pods) == new.exceeding(pods)


def a_copy(pod, start):
    """The same pod, newly read, that has started then."""
    return replace(pod, status=replace(pod.status, start_time=start))


MakingRoom.TestCase.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
TestMakingRoom = MakingRoom.TestCase
