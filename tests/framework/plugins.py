"""Plugins that answer as a test tells them, to see what the framework makes of it."""

from __future__ import annotations

import numpy as np

from scheduler.cluster.columns import count, indexes
from scheduler.framework.plugin import FilterPlugin, Normalization, PreFilterPlugin, ScorePlugin, same_for_all
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
