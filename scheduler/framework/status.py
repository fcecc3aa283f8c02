"""What a plugin can say against a pod or a node: status codes and rejections, as values.

Owns the two kinds of "no" (upstream: kube-scheduler ``framework/interface.go``). What is not a "no" but a failure is an
exception, ``AttemptError``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Code(enum.StrEnum):
    """Names as upstream prints them."""

    UNSCHEDULABLE = "Unschedulable"
    """Not now: evicting pods may help."""
    UNRESOLVABLE = "UnschedulableAndUnresolvable"
    """Not as long as pod and node are what they are: preemption skips the node."""
    ERROR = "Error"
    """Nothing can be said of the node, and that ends the attempt."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one plugin will not have a pod, or not on a node. ``plugin`` is empty when the cycle itself says so."""

    code: Code
    plugin: str
    reasons: tuple[str, ...]


class AttemptError(Exception):
    """The attempt fails; the pod is not unschedulable. The text is what users read (reason SchedulerError)."""
