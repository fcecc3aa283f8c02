"""The answers to "can this image run on that node?": the values, without the rules.

Owns outcomes and causes. The rules that produce them are in ``matching``, the sentences that explain them in
``reasons``.
"""

from __future__ import annotations

import enum

import msgspec

from scheduler.images.content import FailureCause, ImageFailure
from scheduler.images.pod_images import ResolvedImage


class Outcome(enum.Enum):
    MATCH = "match"
    NO_MATCH = "no match"
    UNKNOWN = "unknown"


class Cause(enum.StrEnum):
    """Why an outcome is not MATCH, beyond the failures of registries (``FailureCause``)."""

    # NO_MATCH
    POD_OS = "pod-os"
    NO_PLATFORM = "no-platform"
    EMPTY_INDEX = "empty-index"
    OS_VERSION = "os-version"
    CPU_LEVEL = "cpu-level"
    FALLBACK_ONLY = "fallback-only"
    SPELLING = "spelling"
    CHILD_MISSING = "child-missing"
    NESTED_INDEX = "nested-index"
    CONFIG_PLATFORM = "config-platform"
    NOT_AN_IMAGE = "not-an-image"
    SCHEMA1 = "schema1"
    MISLABELLED = "mislabelled"
    RUNTIME_CLASS = "runtime-class"
    # UNKNOWN
    NODE_UNKNOWN = "node-unknown"
    NODE_OS_VERSION = "node-os-version"
    NO_PLATFORM_DATA = "no-platform-data"


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """One image on one node platform. ``cause`` is None exactly when the outcome is MATCH.

    ``failure``: the failed look-up behind the outcome, where there is one.
    """

    outcome: Outcome
    cause: Cause | FailureCause | None = None
    failure: ImageFailure | None = None


class PodVerdict(msgspec.Struct, frozen=True, gc=False):
    """All images of a pod on one node platform.

    ``image``: the first that decides, None for MATCH and for what concerns no single image. ``reason``: what is wrong
    with such nodes, to be put after "node(s) "; empty for MATCH.
    """

    outcome: Outcome
    cause: Cause | FailureCause | None = None
    image: ResolvedImage | None = None
    reason: str = ""


MATCH = Verdict(Outcome.MATCH)


def no_match(cause: Cause) -> Verdict:
    return Verdict(Outcome.NO_MATCH, cause)


def unknown(cause: Cause) -> Verdict:
    return Verdict(Outcome.UNKNOWN, cause)


def failed(failure: ImageFailure) -> Verdict:
    """The verdict of a failed look-up. Only a name that no kubelet would pull is certain to run nowhere."""
    invalid = failure.cause is FailureCause.INVALID_REFERENCE
    return Verdict(Outcome.NO_MATCH if invalid else Outcome.UNKNOWN, failure.cause, failure)
