"""Several rules at once: each case takes the parts of a few families, so that rules meet that were written apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.oracle.strategies import (
    declared,
    hostports,
    images,
    nodeaffinity,
    nominated,
    podaffinity,
    preemption,
    resources,
    spread,
    spreaddefault,
    taints,
    unschedulable,
    volumes,
)
from tests.oracle.strategies.family import Cluster, Family, cases
from tests.oracle.strategies.parts import merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.oracle.recordings import Case
    from tests.oracle.strategies.parts import Part

_INGREDIENTS = (
    declared.FAMILY,
    hostports.FAMILY,
    images.FAMILY,
    nodeaffinity.FAMILY,
    nominated.FAMILY,
    podaffinity.FAMILY,
    preemption.FAMILY,
    resources.FAMILY,
    spread.FAMILY,
    spreaddefault.FAMILY,
    taints.FAMILY,
    unschedulable.FAMILY,
    volumes.FAMILY,
)

NAME = "mixed"


@st.composite
def mixed_cases(draw: st.DrawFn) -> Case:
    """Cases of two to four families at once."""
    chosen = draw(st.lists(st.sampled_from(_INGREDIENTS), min_size=2, max_size=4, unique_by=_role))

    def complete(draw: st.DrawFn, cluster: Cluster) -> None:
        for family in chosen:
            family.complete(draw, cluster)

    blend = Family(
        NAME,
        node=_blended([family.node for family in chosen]),
        placed=_blended([family.placed for family in chosen]),
        pending=_blended([family.pending for family in chosen]),
        complete=complete,
        most_nodes=5,
        most_placed=8,
    )
    return draw(cases(blend))


def _role(family: Family) -> str:
    """Families with the same role would give one container two sizes: only one of them is taken."""
    return "demand" if family in (resources.FAMILY, preemption.FAMILY, nominated.FAMILY) else family.name


def _blended(parts: Sequence[st.SearchStrategy[Part]]) -> st.SearchStrategy[Part]:
    return st.builds(merged, *parts)
