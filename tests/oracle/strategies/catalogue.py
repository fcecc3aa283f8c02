"""The families of cases by name: `FAMILIES["taints"]` is a hypothesis strategy of cases.

One family per plugin or two, each in the module of its name, and a mixed one. All are small and full of coincidences:
what is to be found is found in a few nodes and pods, or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle.strategies import (
    declared,
    hostports,
    images,
    mixed,
    nodeaffinity,
    nodename,
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
from tests.oracle.strategies.family import cases

if TYPE_CHECKING:
    from hypothesis import strategies as st

    from tests.oracle.recordings import Case

_SINGLE = (
    declared,
    hostports,
    images,
    nodeaffinity,
    nodename,
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

FAMILIES: dict[str, st.SearchStrategy[Case]] = {
    **{module.FAMILY.name: cases(module.FAMILY) for module in _SINGLE},
    mixed.NAME: mixed.mixed_cases(),
}
