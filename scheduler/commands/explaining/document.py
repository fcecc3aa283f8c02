"""What is told about a pod, as values: the JSON of ``explain pod -o json``, and what the text is written from."""

from __future__ import annotations

import msgspec


class Document(msgspec.Struct, rename="camel", omit_defaults=True):
    """A part of the answer."""


class ImageRow(Document):
    """``platforms`` or ``problem``: what the image is built for, or why that is not known."""

    image: str
    used_by: str
    platforms: list[str] = []
    problem: str = ""


class ReasonRow(Document):
    """What one plugin says to so many nodes of a group. ``lasting``: evicting pods would not change it."""

    text: str
    plugin: str
    nodes: int
    lasting: bool


class GroupRow(Document):
    """Nodes that belong together. ``feasible``: how many of them would take the pod now."""

    group: str
    platform: str
    nodes: int
    feasible: int
    reasons: list[ReasonRow] = []


class HelpRow(Document):
    """One thing that alone would give the pod a place, and on how many nodes."""

    text: str
    plugin: str
    nodes: int
    examples: list[str]


class ScoreRow(Document):
    """A node that would take the pod, with its score by plugin. ``chosen``: it is the pod's own node."""

    node: str
    total: int
    parts: dict[str, int]
    chosen: bool = False


class PodExplanation(Document):
    """The whole answer. ``node``: where the pod is; ``said``: what its scheduler wrote into its condition."""

    pod: str
    scheduler: str
    phase: str
    node: str = ""
    said: str = ""
    images: list[ImageRow] = []
    verdict: str = ""
    groups: list[GroupRow] = []
    helps: list[HelpRow] = []
    preemption: str = ""
    scores: list[ScoreRow] = []
    notes: list[str] = []
