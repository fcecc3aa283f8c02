"""The recorded answers of the real kube-scheduler 1.37.2 (tests/cases/oracle): ours are the same, word for word.

A case is left out only when it turns on something that is not decided here yet; how many, per family and reason, is
asserted exactly, so that the number cannot grow unseen.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from scheduler.api.namespace import Namespace
from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.api.storage import StorageObject
from scheduler.api.workloads import ReplicaSet, ReplicationController, Service, StatefulSet
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.framework.explanation import explain
from scheduler.framework.status import AttemptError
from scheduler.plugins.catalogue import upstream_profile
from tests.builders import decoded

CASES = Path(__file__).parent.parent / "cases" / "oracle"

NOMINATED = "a pod is nominated to a node"

LEFT_OUT = {
    "declared": {},
    "hostports": {},
    "images": {},
    "mixed": {},
    "nodeaffinity": {},
    "nodename": {},
    "nominated": {NOMINATED: 150},
    "podaffinity": {},
    "preemption": {NOMINATED: 13},
    "resources": {},
    "spread": {},
    "spreaddefault": {},
    "taints": {},
    "unschedulable": {},
    "volumes": {},
}

STORAGE = {kind.__name__: kind for kind in get_args(StorageObject)}
WORKLOADS = {kind.__name__: kind for kind in (ReplicaSet, ReplicationController, Service, StatefulSet)}

PROFILE = upstream_profile("default-scheduler")
OUR_SCORES = {plugin.name for plugin, _ in PROFILE.scores}


@pytest.mark.parametrize("family", LEFT_OUT)
def test_the_answers_are_those_of_kube_scheduler(family):
    left_out: Counter[str] = Counter()
    with gzip.open(CASES / f"cases-{family}.jsonl.gz") as lines:
        for line in lines:
            record = json.loads(line)
            reason = why_left_out(record["case"])
            if reason is None:
                check(record["case"], record["want"])
            else:
                left_out[reason] += 1
    assert left_out == LEFT_OUT[family]


def why_left_out(case) -> str | None:
    others = [o for o in case["objects"] if o["kind"] == "Pod"]
    if any(o.get("status", {}).get("nominatedNodeName") for o in (case["pod"], *others)):
        return NOMINATED
    return None


def check(case, want) -> None:
    cache, cycle, info = a_snapshot(case)
    evaluation = cycle.pod_evaluation(info)
    rejection = evaluation.rejection
    assert (rejection and [rejection.plugin, *rejection.reasons]) == prefilter(want), case["id"]
    if rejection is None:
        found = explain(evaluation, cache.nodes)
        assert {n: status(r) for n, r in found.statuses.items()} == wanted_statuses(want), case["id"]
        assert found.scores == wanted_scores(want, found), case["id"]
        if others_score_alike(want):
            assert best(found.scores) == set(want["hosts"]), case["id"]
    assert outcome(cycle, info, want) == wanted_outcome(want), case["id"]


def a_snapshot(case):
    cache = Cache()
    for document in case["objects"]:
        if document["kind"] == "Node":
            cache.add_node(decoded(document, Node))
        elif document["kind"] == "Pod" and document["spec"].get("nodeName"):
            cache.add_pod(decoded(document, Pod))
        elif document["kind"] == "Namespace":
            cache.add_namespace(decoded(document, Namespace))
        elif document["kind"] in WORKLOADS:
            cache.add_workload(decoded(document, WORKLOADS[document["kind"]]))
        elif document["kind"] in STORAGE:
            cache.put_storage(decoded(document, STORAGE[document["kind"]]))
    info = make_pod_info(decoded(case["pod"], Pod), None, cache.classes)
    return cache, SchedulingCycle(cache, PROFILE), info


def prefilter(want):
    found = want["prefilter"]
    return found and [found.get("plugin", ""), *found["reasons"]]


def status(rejection):
    if rejection is None:
        return ("Success",)
    return (str(rejection.code), rejection.plugin, sorted(rejection.reasons))


def wanted_statuses(want):
    return {
        name: (found["code"], found.get("plugin", ""), found["reasons"]) if "reasons" in found else (found["code"],)
        for name, found in want["nodes"].items()
    }


def wanted_scores(want, found):
    if not want["scores"]:  # they could not be had, or there is no feasible node
        return found.scores
    return {
        name: {plugin: score for plugin, score in scores["plugins"].items() if plugin in OUR_SCORES}
        for name, scores in want["scores"].items()
    }


def outcome(cycle, info, want):
    try:
        decision = cycle.decide(info)
    except AttemptError as error:
        return ("error", str(error))
    if not isinstance(decision, Placed):
        return ("unschedulable", decision.fit_error.message)
    if others_score_alike(want):
        assert decision.node in want["hosts"]
    return ("placed", None)


def best(scores):
    """The nodes with the greatest total."""
    totals = {name: sum(parts.values()) for name, parts in scores.items()}
    return {name for name, total in totals.items() if total == max(totals.values())}


def wanted_outcome(want):
    if want.get("error"):
        return ("error", want["error"])
    return ("unschedulable", want["fit_error"]) if want.get("fit_error") else ("placed", None)


def others_score_alike(want) -> bool:
    """Whether there is a choice, and the plugins that are not here make no difference in it."""
    if not want["scores"] or want.get("error"):
        return False
    theirs = {
        tuple(sorted((plugin, score) for plugin, score in scores["plugins"].items() if plugin not in OUR_SCORES))
        for scores in want["scores"].values()
    }
    return len(theirs) == 1
