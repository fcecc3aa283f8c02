"""Plugins that answer as a test tells them, to see what the framework makes of it."""

from __future__ import annotations

import numpy as np

from scheduler.cluster.columns import count, indexes
from scheduler.framework.plugin import (
    ClusterPlugin,
    FilterPlugin,
    Normalization,
    PluginState,
    PreFilterPlugin,
    ScorePlugin,
    same_for_all,
)
from scheduler.framework.status import AttemptError, Code, Rejection


class Answering(PreFilterPlugin):
    """Gives this answer in PreFilter."""

    def __init__(self, name, answer):
        self.name = name
        self.answer = answer
        self.asked = 0

    def pre_filter(self, pod_class):
        self.asked += 1
        return self.answer


class Refusing(FilterPlugin):
    """Rejects the nodes of these names."""

    def __init__(self, name, *nodes, code=Code.UNSCHEDULABLE, reason="no"):
        self.name = name
        self.nodes = nodes
        self.code = code
        self.reason = reason

    def filter(self, pod_class, nodes, rows):
        return np.array([not nodes.live[r] or nodes.name(r) not in self.nodes for r in indexes(rows)], dtype=np.bool_)

    def explain(self, pod_class, nodes, rows):
        return same_for_all(rows, Rejection(self.code, self.name, (self.reason,)))


class Scoring(ScorePlugin):
    """Gives nodes these raw scores by name, 0 to any other."""

    def __init__(self, name, scores, normalization=Normalization.NONE):
        self.name = name
        self.scores = scores
        self.normalization = normalization
        self.now = 0

    def score(self, pod_class, nodes, rows):
        scored = np.zeros(count(rows), dtype=np.int64)
        for place, row in enumerate(indexes(rows).tolist()):
            if nodes.live[row]:
                scored[place] = self.scores.get(nodes.name(row), 0)
        return scored

    def epoch(self, pod_class, nodes):
        return self.now


class Failing(Scoring):
    """Cannot score the pod."""

    def pre_score(self, pod_class):
        raise AttemptError("the pod makes no sense")


class Spanning(ClusterPlugin):
    """Says of nodes by name what it is told, at once; its state counts how often it was asked and closed."""

    def __init__(self, name, *, refused=(), scores=None, rejection=None, error=None, code=Code.UNSCHEDULABLE):
        self.name = name
        self.refused = set(refused)
        self.scores = scores
        self.rejection = rejection
        self.error = error
        self.code = code
        self.closed = 0
        self.states = 0

    def state(self, pod, cache):
        self.states += 1
        return SpanningState(self, cache.nodes)


class SpanningState(PluginState):
    def __init__(self, plugin, nodes):
        self.plugin = plugin
        self.nodes = nodes

    def refresh(self):
        self.rejection = self.plugin.rejection
        return True

    def close(self):
        self.plugin.closed += 1

    def mask(self):
        refused = self.plugin.refused
        return np.array([name not in refused for name in self.names()], dtype=np.bool_) if refused else None

    def explain(self, rows):
        return same_for_all(rows, Rejection(self.plugin.code, self.plugin.name, ("spans",)))

    def score(self, possible):
        if self.plugin.error is not None:
            raise self.plugin.error
        if self.plugin.scores is None:
            return None
        return np.array([self.plugin.scores.get(name, 0) for name in self.names()], dtype=np.int64)

    def names(self):
        nodes = self.nodes
        return [nodes.name(row) if nodes.live[row] else None for row in range(nodes.size)]
