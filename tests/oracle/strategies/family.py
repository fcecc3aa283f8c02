"""A family of cases: what one rule of the scheduler needs on nodes and pods, and the clusters made of it.

`cases(family)` is a small cluster, placed pods on few nodes, and a pending pod; `catalogue` lists the families. The
objects are as users, controllers and kubelets write them: `Oracle.stored` shows them as an API server holds them.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.oracle.recordings import Case, Object
from tests.oracle.strategies import objects
from tests.oracle.strategies.parts import NOTHING, Part, merged

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclasses.dataclass
class Cluster:
    """A case that is being made."""

    nodes: list[Object]
    placed: list[Object]
    pending: Object
    others: list[Object]

    @property
    def node_names(self) -> list[str]:
        return [node["metadata"]["name"] for node in self.nodes]

    @property
    def pods(self) -> list[Object]:
        return [*self.placed, self.pending]


def _nothing_more(draw: st.DrawFn, cluster: Cluster) -> None:
    """Most families are done when nodes and pods are."""


@dataclasses.dataclass(frozen=True)
class Family:
    """What makes the cases of a family differ from plain clusters."""

    name: str
    node: st.SearchStrategy[Part] = NOTHING
    """Merged into each node."""
    placed: st.SearchStrategy[Part] = NOTHING
    """Merged into each pod that runs somewhere."""
    pending: st.SearchStrategy[Part] = NOTHING
    """Merged into the pod that is to be decided."""
    complete: Callable[[st.DrawFn, Cluster], None] = _nothing_more
    """Adds what refers to nodes and pods by name, once they are known."""
    most_nodes: int = 6
    fewest_placed: int = 0
    most_placed: int = 10


@st.composite
def cases(draw: st.DrawFn, family: Family) -> Case:
    """Cases of the family. Their ids are all the same: whoever keeps them numbers them."""
    cluster = draw(_clusters(family))
    family.complete(draw, cluster)
    everything = [
        *objects.namespaces(),
        *objects.priority_classes(),
        *cluster.others,
        *cluster.nodes,
        *cluster.placed,
    ]
    return Case(id=family.name, objects=everything, pod=cluster.pending)


@st.composite
def _clusters(draw: st.DrawFn, family: Family) -> Cluster:
    nodes = [
        merged(draw(objects.nodes(number)), draw(family.node))
        for number in range(draw(st.integers(1, family.most_nodes)))
    ]
    names = [node["metadata"]["name"] for node in nodes]
    busy = names[: draw(st.integers(1, len(names)))]  # so that some nodes have many pods and some have none
    placed = []
    there: collections.Counter[str] = collections.Counter()
    for number in range(draw(st.integers(family.fewest_placed, family.most_placed))):
        node = draw(st.sampled_from(busy))
        part = merged(draw(family.placed), objects.placement(node, there[node]))
        placed.append(draw(objects.pods(f"pod-{number}", number, part)))
        there[node] += 1
    pending = draw(objects.pods("pending", 999, draw(family.pending)))
    return Cluster(nodes, placed, pending, others=[])
