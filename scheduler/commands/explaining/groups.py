"""Which nodes belong together, as people think of them: the node groups of their cloud, else nodes of one platform."""

from __future__ import annotations

from collections.abc import Mapping

GROUP_LABELS = (
    "karpenter.sh/nodepool",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "kops.k8s.io/instancegroup",
    "doks.digitalocean.com/node-pool",
)
"""In the order in which they are looked for."""


def group_of(labels: Mapping[str, str], platform: str, label: str | None = None) -> str:
    """The name of a node's group. ``label``: the only one to go by; nodes without it form a group of their own."""
    if label is not None:
        return labels.get(label, f"without {label}")
    return next((labels[name] for name in GROUP_LABELS if labels.get(name)), platform)
