"""Which groups are worth growing: what is dropped, what is best, what is a tie."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.images.content import FailureCause
from scheduler.images.matching import DEFAULT_RULES, match_pod
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform_weights import PlatformWeights
from scheduler.images.runtime import Runtime
from scheduler.images.verdict import Outcome
from scheduler.rpc.ranking import Demand, Group, Ranking, rank, verdict_of
from tests.images.builders import (
    AMD64,
    AMD64_NODE,
    ARM64,
    ARM64_NODE,
    ARM_V7,
    WINDOWS_2022_NODE,
    a_failure,
    an_entry,
    an_index,
    resolved,
)

ON_AMD64 = Demand((resolved(an_index(AMD64)),))
ON_BOTH = Demand((resolved(an_index(AMD64, ARM64)),))
UNREADABLE = Demand((resolved(a_failure(FailureCause.TIMEOUT)),))
NOTHING_KNOWN = NodePlatform("", "")


def ranked(groups: list[Group], demands: list[Demand], **weights: int) -> Ranking:
    return rank(groups, demands, PlatformWeights({f"linux/{arch}": w for arch, w in weights.items()}), DEFAULT_RULES)


def test_a_group_on_which_no_pod_can_run_is_dropped_with_the_reason():
    ranking = ranked([Group(ARM64_NODE, {0: 2}), Group(AMD64_NODE, {0: 2})], [ON_AMD64])
    assert ranking.best == (1,)
    assert ranking.dropped == {0: "can't run image ghcr.io/acme/app:1 (built for linux/amd64)"}


def test_the_group_that_can_run_most_of_the_pods_is_best():
    groups = [Group(ARM64_NODE, {0: 5, 1: 1}), Group(AMD64_NODE, {0: 3, 1: 1})]
    assert ranked(groups, [ON_AMD64, ON_BOTH]).best == (1,)


def test_among_groups_that_run_equally_many_pods_the_weight_of_the_platform_decides():
    groups = [Group(AMD64_NODE, {0: 2}), Group(ARM64_NODE, {0: 2})]
    assert ranked(groups, [ON_BOTH], arm64=100).best == (1,)


def test_a_weight_never_outweighs_a_pod():
    groups = [Group(AMD64_NODE, {0: 3}), Group(ARM64_NODE, {0: 2})]
    assert ranked(groups, [ON_BOTH], arm64=100).best == (0,)


def test_groups_that_are_equal_are_all_kept_in_their_order():
    groups = [Group(ARM64_NODE, {0: 1}), Group(AMD64_NODE, {0: 1}), Group(ARM64_NODE, {0: 1})]
    assert ranked(groups, [ON_BOTH]).best == (0, 1, 2)


@pytest.mark.parametrize("node", [AMD64_NODE, ARM64_NODE, WINDOWS_2022_NODE, NOTHING_KNOWN])
def test_an_unknown_image_speaks_against_no_group(node: NodePlatform):
    assert ranked([Group(node, {0: 1}), Group(AMD64_NODE, {0: 1})], [UNREADABLE]).best == (0, 1)


def test_a_template_that_does_not_tell_its_platform_is_kept_beside_those_that_fit():
    ranking = ranked([Group(NOTHING_KNOWN, {0: 1}), Group(AMD64_NODE, {0: 1}), Group(ARM64_NODE, {0: 1})], [ON_AMD64])
    assert ranking.best == (0, 1)


def test_when_no_group_helps_the_best_are_none():
    ranking = ranked([Group(ARM64_NODE, {0: 1}), Group(WINDOWS_2022_NODE, {0: 1})], [ON_AMD64])
    assert ranking.best == ()
    assert set(ranking.dropped) == {0, 1}


def test_a_group_of_which_no_pods_are_told_is_kept_beside_the_best():
    assert ranked([Group(ARM64_NODE, {}), Group(AMD64_NODE, {0: 1})], [ON_AMD64]).best == (0, 1)
    assert ranked([Group(ARM64_NODE, {}), Group(ARM64_NODE, {0: 1})], [ON_AMD64]).best == (0,)


def test_the_operating_system_that_a_pod_asks_for_counts():
    windows_pod = Demand((resolved(a_failure(FailureCause.TIMEOUT)),), required_os="windows")
    ranking = ranked([Group(AMD64_NODE, {0: 1}), Group(WINDOWS_2022_NODE, {0: 1})], [windows_pod])
    assert ranking.best == (1,)


def test_a_template_that_names_no_runtime_is_refused_only_for_what_no_runtime_runs():
    nested = Demand((resolved(an_index(an_entry(AMD64, child=an_index(AMD64), media_type=an_index().media_type))),))
    unnamed = msgspec.structs.replace(AMD64_NODE, runtime=Runtime.UNKNOWN)
    on_crio = msgspec.structs.replace(AMD64_NODE, runtime=Runtime.CRI_O)
    assert verdict_of(nested, on_crio, DEFAULT_RULES).outcome is Outcome.NO_MATCH
    assert verdict_of(nested, unnamed, DEFAULT_RULES).outcome is Outcome.UNKNOWN
    assert verdict_of(Demand((resolved(an_index(ARM64)),)), unnamed, DEFAULT_RULES).outcome is Outcome.NO_MATCH
    assert verdict_of(ON_BOTH, unnamed, DEFAULT_RULES).outcome is Outcome.MATCH


def test_32_bit_arm_images_do_not_make_64_bit_groups_grow_by_default():
    on_arm = Demand((resolved(an_index(ARM_V7)),))
    assert ranked([Group(ARM64_NODE, {0: 1}), Group(AMD64_NODE, {0: 1})], [on_arm]).best == ()


PLATFORMS = (AMD64_NODE, ARM64_NODE, WINDOWS_2022_NODE, NOTHING_KNOWN)
DEMANDS = (ON_AMD64, ON_BOTH, UNREADABLE, Demand((resolved(an_index(ARM64)), resolved(an_index(AMD64)))))


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            Group,
            st.sampled_from(PLATFORMS),
            st.dictionaries(st.integers(0, len(DEMANDS) - 1), st.integers(1, 5), min_size=1),
        ),
        max_size=6,
    ),
    st.dictionaries(st.sampled_from(["amd64", "arm64"]), st.integers(0, 100)),
)
def test_ranking_agrees_with_its_definition(groups: list[Group], weights: dict[str, int]):
    """Written plainly: count what is not known to fail, group by group, and sort."""

    def possible(group: Group) -> int:
        outcomes = [(match_pod(DEMANDS[d].images, None, group.platform).outcome, n) for d, n in group.pods.items()]
        return sum(count for outcome, count in outcomes if outcome is not Outcome.NO_MATCH)

    def value(group: Group) -> tuple[int, int]:
        return possible(group), weights.get(group.platform.architecture, 0) if group.platform.os == "linux" else 0

    ranking = ranked(groups, list(DEMANDS), **weights)
    assert set(ranking.dropped) == {index for index, group in enumerate(groups) if not possible(group)}
    kept = [index for index in range(len(groups)) if index not in ranking.dropped]
    top = max((value(groups[index]) for index in kept), default=None)
    assert ranking.best == tuple(index for index in kept if value(groups[index]) == top)
