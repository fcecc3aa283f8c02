"""What is told of a cluster's readiness, as values: the JSON of ``report -o json``, and what tables are made from."""

from __future__ import annotations

import enum

import msgspec


class Standing(enum.StrEnum):
    """How a workload stands to a platform, from best to worst."""

    READY = "ready"  # all its images run there
    PINNED = "pinned"  # they do, but its node selector, required affinity or spec.os keeps it away
    UNKNOWN = "unknown"  # an image could not be read
    BLOCKED = "blocked"  # an image does not run there


class Document(msgspec.Struct, rename="camel"):
    """A part of the answer."""


class WorkloadRow(Document):
    """``standings`` and ``images``: by platform; ``images`` names those that block it there, or are not known."""

    namespace: str
    kind: str
    name: str
    pods: int
    standings: dict[str, Standing]
    images: dict[str, list[str]]


class PlatformRow(Document):
    """``workloads`` and ``pods``: how many stand how. ``nodes``: of that platform in the cluster."""

    platform: str
    nodes: int
    workloads: dict[Standing, int]
    pods: dict[Standing, int]


class ImageRow(Document):
    """An image that keeps workloads from some platform. ``built_for`` or ``problem``: what is known of it."""

    image: str
    built_for: list[str]
    problem: str
    blocks: dict[str, int]
    """By platform, how many workloads."""


class ReadinessReport(Document):
    platforms: list[PlatformRow]
    workloads: list[WorkloadRow]
    images: list[ImageRow]
    notes: list[str]
