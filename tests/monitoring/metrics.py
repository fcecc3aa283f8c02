"""Which metrics there are, and which ones an expression of PromQL names."""

from __future__ import annotations

import re
from functools import cache

from prometheus_client import CollectorRegistry

from extender.metrics import Metrics as ExtenderMetrics
from scheduler.rpc.metrics import RpcMetrics
from scheduler.telemetry.metrics import Metrics

_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
_NAME = re.compile(r"\b[a-z_:][a-z0-9_:]*\b(?!\s*\()")
_STRINGS = re.compile(r'"[^"]*"')
_LABELS = re.compile(r"\{[^}]*\}")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_WORDS = frozenset({"and", "or", "unless", "bool", "offset"})


@cache
def exposed_names() -> frozenset[str]:
    """The names of all series that our processes expose."""
    registries: list[CollectorRegistry] = [Metrics().registry, ExtenderMetrics().registry]
    rpc = CollectorRegistry()
    RpcMetrics(rpc)
    return frozenset(
        family.name + suffix
        for registry in [*registries, rpc]
        for family in registry.collect()
        for suffix in _SUFFIXES[family.type]
    )


def metric_names(expression: str) -> frozenset[str]:
    """The metrics in an expression: what is no string, no label, no function and no word of the language."""
    bare = _LABELS.sub("{}", _GROUPING.sub("", _STRINGS.sub('""', expression)))
    return frozenset(_NAME.findall(bare)) - _WORDS
