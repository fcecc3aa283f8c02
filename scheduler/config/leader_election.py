"""Settings about the election of the one scheduler that works, of several that run; named as kube-scheduler's.

What they mean is in ``kube.election``.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from scheduler.config.strict import InvalidSettings, Seconds, Strict

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.ASCII)


class LeaderElectionSettings(Strict, frozen=True):
    """Only the holder of a Lease schedules; the others stand by, with everything in memory."""

    leader_elect: bool = True
    """false: this process schedules, whatever others do; it has to be the only one. Default: true."""
    lease_duration_seconds: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 15
    """After so long without a sign of life from the leader another one takes over. Default: 15."""
    renew_deadline_seconds: Seconds = 10.0
    """The leader ends when it could not renew the lease for so long; less than the lease's duration. Default: 10."""
    retry_period_seconds: Seconds = 2.0
    """Between two renewals; less than half of the deadline. Default: 2."""
    resource_name: str = "multiarch-scheduler"
    """Of the Lease. Schedulers with different schedulerNames need different ones. Default: multiarch-scheduler."""
    resource_namespace: str | None = None
    """Of the Lease. Default: that of the scheduler's own pod; outside of a cluster kube-system."""


def check_leader_election(settings: LeaderElectionSettings, source: str) -> None:
    """What one field alone does not tell; ``source`` names the file in errors. Raises InvalidSettings."""
    where = f"{source}: leaderElection"
    for field, name in (
        ("resourceName", settings.resource_name),
        ("resourceNamespace", settings.resource_namespace or "default"),
    ):
        if len(name) > 253 or not _NAME.fullmatch(name):
            raise InvalidSettings(f"{where}.{field}: {name!r} is no name of a Kubernetes object")
    deadline = settings.renew_deadline_seconds
    if deadline >= settings.lease_duration_seconds:
        raise InvalidSettings(
            f"{where}.renewDeadlineSeconds: {deadline:g} is not less than leaseDurationSeconds,"
            f" {settings.lease_duration_seconds}"
        )
    if settings.retry_period_seconds * 2 >= deadline:
        raise InvalidSettings(
            f"{where}.retryPeriodSeconds: {settings.retry_period_seconds:g} is not less than half of"
            f" renewDeadlineSeconds, {deadline:g}"
        )
