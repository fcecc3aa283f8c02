"""Spread constraints of a pod, resolved: whose they are, which pods they count, how far they bind.

Owns the reading (upstream: ``plugins/podtopologyspread/common.go``): label keys are merged into the selector, absent
fields get their defaults, and a pod without any constraint of its own gets the profile's. What they come to is counted
in ``pod_topology_spread``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scheduler.api.pod import Pod
from scheduler.api.requirement import Requirement, all_match
from scheduler.api.selectors import parse_label_selector
from scheduler.api.topology_spread import TopologySpreadConstraint
from scheduler.cluster.selection.pod_selectors import Requirements
from scheduler.plugins.arguments import DefaultConstraint, PodTopologySpreadArgs

HARD: Final = "DoNotSchedule"
SOFT: Final = "ScheduleAnyway"
HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"

SYSTEM_DEFAULTS = (
    DefaultConstraint(max_skew=3, topology_key=HOSTNAME, when_unsatisfiable=SOFT),
    DefaultConstraint(max_skew=5, topology_key=ZONE, when_unsatisfiable=SOFT),
)


@dataclass(frozen=True, slots=True)
class Constraint:
    """``requirements``: None selects no pod; an empty one selects this pod, yet counts no other, as upstream has it."""

    topology_key: str
    max_skew: int
    requirements: Requirements | None
    min_domains: int = 1
    honors_affinity: bool = True
    honors_taints: bool = False

    def selects(self, labels: Mapping[str, str]) -> bool:
        return self.requirements is not None and all_match(self.requirements, labels)


def own_constraints(
    constraints: Iterable[TopologySpreadConstraint], labels: Mapping[str, str], action: str
) -> tuple[Constraint, ...]:
    """Those of the pod itself. Raises InvalidSelector."""
    return tuple(
        _resolved(constraint, _requirements(constraint, labels))
        for constraint in constraints
        if constraint.when_unsatisfiable == action
    )


def default_constraints(args: PodTopologySpreadArgs, selector: Requirements, action: str) -> tuple[Constraint, ...]:
    """Those of the profile, for a pod without its own; none if nothing says which pods belong with it."""
    if not selector:
        return ()
    return tuple(
        _resolved(constraint, selector) for constraint in defaults_of(args) if constraint.when_unsatisfiable == action
    )


def defaults_of(args: PodTopologySpreadArgs) -> Sequence[DefaultConstraint]:
    return SYSTEM_DEFAULTS if args.defaulting_type == "System" else args.default_constraints


def hard_constraints_of(pod: Pod) -> tuple[Constraint, ...]:
    """Those that may have kept the pod waiting. Raises InvalidSelector."""
    return own_constraints(pod.spec.topology_spread_constraints, pod.metadata.labels, HARD)


def _resolved(
    constraint: TopologySpreadConstraint | DefaultConstraint, requirements: Requirements | None
) -> Constraint:
    return Constraint(
        constraint.topology_key,
        constraint.max_skew,
        requirements,
        1 if constraint.min_domains is None else constraint.min_domains,
        constraint.node_affinity_policy != "Ignore",
        constraint.node_taints_policy == "Honor",
    )


def _requirements(constraint: TopologySpreadConstraint, labels: Mapping[str, str]) -> Requirements | None:
    if constraint.label_selector is None:
        return None
    merged = [Requirement(key, "In", frozenset({labels[key]})) for key in constraint.match_label_keys if key in labels]
    return tuple(dict.fromkeys((*merged, *parse_label_selector(constraint.label_selector))))
