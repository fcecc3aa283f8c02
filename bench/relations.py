"""What the pods of a benchmark say about other pods of their Deployment: spread constraints, affinity, or their owner.

Owns the shapes, after those of upstream's scheduler_perf. The pods themselves are in ``bench.cluster``.
"""

from __future__ import annotations

from typing import Any

from scheduler.api.label_selector import LabelSelector
from scheduler.api.meta import ObjectMeta
from scheduler.api.workloads import ReplicaSet, SelectorSpec

Object = dict[str, Any]

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
_REQUIRED, _PREFERRED = "required", "preferred"
_DURING = "DuringSchedulingIgnoredDuringExecution"


def spread(app: str) -> Object:
    """Evenly over zones, and over hosts as far as that goes."""
    return {
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": action, "labelSelector": _selector(app)}
            for key, action in ((ZONE, "DoNotSchedule"), (HOST, "ScheduleAnyway"))
        ]
    }


def required_affinity(app: str) -> Object:
    """All in one zone, never two on a host."""
    return {
        "affinity": {
            "podAffinity": {f"{_REQUIRED}{_DURING}": [_term(app, ZONE)]},
            "podAntiAffinity": {f"{_REQUIRED}{_DURING}": [_term(app, HOST)]},
        }
    }


def preferred_affinity(app: str) -> Object:
    """Rather in one zone, rather not two on a host."""
    return {
        "affinity": {
            "podAffinity": {f"{_PREFERRED}{_DURING}": [{"weight": 50, "podAffinityTerm": _term(app, ZONE)}]},
            "podAntiAffinity": {f"{_PREFERRED}{_DURING}": [{"weight": 100, "podAffinityTerm": _term(app, HOST)}]},
        }
    }


def nothing(_app: str) -> Object:
    return {}


def a_replica_set(app: str) -> ReplicaSet:
    """The controller that owns the pods of a Deployment, for the system's default spreading."""
    metadata = ObjectMeta(name=app, namespace="bench")
    return ReplicaSet(metadata=metadata, spec=SelectorSpec(selector=LabelSelector(match_labels={"app": app})))


def _selector(app: str) -> Object:
    return {"matchLabels": {"app": app}}


def _term(app: str, key: str) -> Object:
    return {"topologyKey": key, "labelSelector": _selector(app)}
