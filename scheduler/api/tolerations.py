"""Tolerations: does one tolerate a taint?

Owns the operator's meaning (upstream: component-helpers ``scheduling/corev1``, ToleratesTaint). Which taints count when
is for the plugins to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scheduler.api.node import Taint
from scheduler.api.pod import Toleration


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """An empty effect or key in the toleration stands for any.

    The operators Lt and Gt are behind a feature gate that is off in Kubernetes 1.37; they tolerate nothing here either.
    """
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator:
        case "" | "Equal":
            return toleration.value == taint.value
        case "Exists":
            return True
        case _:
            return False


def any_tolerates(tolerations: Iterable[Toleration], taint: Taint) -> bool:
    """Whether one of them is enough for the taint."""
    return any(tolerates(toleration, taint) for toleration in tolerations)


FORBIDDING = frozenset({"NoSchedule", "NoExecute"})
"""The effects that keep pods off a node; the other one only makes it less welcome."""


def is_tolerated(tolerations: Sequence[Toleration], taints: Iterable[Taint]) -> bool:
    """Whether no taint keeps the pod off."""
    return all(any_tolerates(tolerations, taint) for taint in taints if taint.effect in FORBIDDING)
