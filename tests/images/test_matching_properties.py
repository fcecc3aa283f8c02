"""What must hold of every image and every node, however odd."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from scheduler.images import media_types
from scheduler.images.content import FailureCause, ImageContent, IndexEntry
from scheduler.images.matching import MatchRules, match, match_pod
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform, normalize
from scheduler.images.pod_images import ResolvedImage
from scheduler.images.runtime import Runtime
from scheduler.images.verdict import Outcome
from tests.images.builders import (
    a_failure,
    a_schema1_image,
    an_artifact,
    an_attestation,
    an_entry,
    an_image,
    an_index,
    resolved,
)

_CONTAINERDS = [runtime for runtime in Runtime if runtime.value.startswith("containerd")]
_VERSIONS = ["", "10.0.17763.1", "10.0.20348.1", "10.0.20348.999", "10.0.26100.1", "10.0.x", "10.0"]

_platforms = st.builds(
    Platform,
    os=st.sampled_from(["linux", "linux", "Linux", "windows", "windows", "", "wasip1", "unknown"]),
    architecture=st.sampled_from(["amd64", "amd64", "arm64", "arm64", "arm", "386", "x86_64", "armhf", "", "unknown"]),
    variant=st.sampled_from(["", "", "v7", "v8", "v6", "v3", "8", "v9"]),
    os_version=st.sampled_from(_VERSIONS),
    os_features=st.sampled_from([(), (), ("win32k",), ("future",)]),
)
_plain_entries = _platforms.map(an_entry)
_children = st.one_of(
    _platforms.map(an_image), st.just(an_artifact()), st.lists(_platforms, max_size=3).map(lambda p: an_index(*p))
)


def _with_child(platform: Platform | None, child: ImageContent) -> IndexEntry:
    nested = bool(child.entries)
    return an_entry(platform, child=child, media_type=media_types.OCI_INDEX if nested else media_types.OCI_MANIFEST)


_entries = st.one_of(
    _plain_entries,
    st.builds(_with_child, st.none() | _platforms, _children),
    st.builds(lambda p, c: an_entry(p, failure=a_failure(c)), st.none() | _platforms, st.sampled_from(FailureCause)),
    st.just(an_attestation()),
)
_indexes = st.builds(
    lambda entries, media_type: an_index(*entries, media_type=media_type),
    st.lists(_entries, max_size=5),
    st.sampled_from(sorted(media_types.INDEXES)),
)
_answers = st.one_of(
    _indexes,
    st.none() | _platforms,
    st.sampled_from(FailureCause),
    _platforms.map(a_schema1_image),
    st.just(an_artifact()),
).map(
    lambda value: (
        an_image(value)
        if value is None or isinstance(value, Platform)
        else a_failure(value)
        if isinstance(value, FailureCause)
        else value
    )
)


def _nodes(runtimes: Iterable[Runtime] = Runtime) -> st.SearchStrategy[NodePlatform]:
    runtimes = list(runtimes)
    linux = st.builds(
        NodePlatform,
        os=st.just("linux"),
        architecture=st.sampled_from(["amd64", "arm64", "arm", "386", "riscv64"]),
        variant=st.sampled_from(["", "v7", "v8", "v6", "v3", "v9.2"]),
        runtime=st.sampled_from(runtimes),
        fallback=st.none() | st.booleans(),
        arm32=st.none() | st.booleans(),
    )
    windows = st.builds(
        NodePlatform,
        os=st.just("windows"),
        architecture=st.sampled_from(["amd64", "amd64", "arm64"]),
        os_version=st.sampled_from(["10.0.17763", "10.0.20348", "10.0.26100", "10.0.26200", ""]),
        runtime=st.sampled_from(runtimes),
    )
    return linux | windows


_rules = st.builds(MatchRules, fallback=st.booleans(), arm32=st.booleans(), deep_check=st.booleans())


@given(_answers, _nodes() | st.just(NodePlatform("", "")), _rules, st.booleans())
def test_every_answer_gives_a_verdict_and_every_refusal_a_reason(
    answer: ImageContent, node: NodePlatform, rules: MatchRules, volume: bool
) -> None:
    image = resolved(answer, volume=volume)
    verdict = match_pod((image,), None, node, rules)
    matches = verdict.outcome is Outcome.MATCH
    assert matches == (verdict.cause is None) == (verdict.reason == "") == (verdict.image is None)


@given(_indexes, _nodes(), _rules, st.integers(0, 5))
def test_attestations_change_no_verdict(index: ImageContent, node: NodePlatform, rules: MatchRules, place: int) -> None:
    entries = (*index.entries[:place], an_attestation(), *index.entries[place:])
    attested = an_index(*entries, media_type=index.media_type)
    assert match(attested, node, rules) == match(index, node, rules)


@given(_indexes, _plain_entries, st.integers(0, 5), _nodes(_CONTAINERDS))
def test_one_more_manifest_with_a_platform_takes_no_node_away_from_containerd_with_fallback(
    index: ImageContent, entry: IndexEntry, place: int, node: NodePlatform
) -> None:
    """With fallback all that is accepted is taken. The strict set is another matter: see the next two."""
    rules = MatchRules(fallback=True, arm32=True)
    able = NodePlatform(node.os, node.architecture, node.variant, node.os_version, node.runtime)
    more = an_index(*index.entries[:place], entry, *index.entries[place:], media_type=index.media_type)
    if match(index, able, rules).outcome is Outcome.MATCH:
        assert match(more, able, rules).outcome is Outcome.MATCH


@given(_indexes, _plain_entries, st.integers(0, 5), _nodes(_CONTAINERDS))
def test_one_more_manifest_takes_strict_nodes_away_only_by_hiding_an_entry_without_platform(
    index: ImageContent, entry: IndexEntry, place: int, node: NodePlatform
) -> None:
    """containerd prefers a platform it will not fetch to an entry without platform that would do. So it loses both."""
    strict = NodePlatform(node.os, node.architecture, node.variant, node.os_version, node.runtime)
    more = an_index(*index.entries[:place], entry, *index.entries[place:], media_type=index.media_type)
    if match(index, strict).outcome is Outcome.MATCH and match(more, strict).outcome is not Outcome.MATCH:
        assert any(each.platform is None or each.is_index for each in index.entries)


def test_an_entry_that_containerd_will_not_fetch_does_hide_one_without_platform() -> None:
    node = NodePlatform("linux", "arm64", "v8", runtime=Runtime.CONTAINERD)
    without = an_entry(None, child=an_image(Platform("linux", "arm64")))
    assert match(an_index(without), node).outcome is Outcome.MATCH
    assert match(an_index(without, Platform("linux", "arm", "v7")), node).outcome is Outcome.NO_MATCH


@given(st.lists(_platforms, max_size=5), _nodes([r for r in Runtime if r is not Runtime.UNKNOWN]), _rules)
def test_the_order_of_plain_entries_changes_no_outcome(
    platforms: list[Platform], node: NodePlatform, rules: MatchRules
) -> None:
    forth, back = an_index(*platforms), an_index(*reversed(platforms))
    assert match(forth, node, rules).outcome is match(back, node, rules).outcome


@given(_platforms.filter(lambda platform: bool(platform.os)), _nodes(), _rules)
def test_spelling_does_not_matter_to_a_single_manifest(
    platform: Platform, node: NodePlatform, rules: MatchRules
) -> None:
    assert match(an_image(platform), node, rules) == match(an_image(normalize(platform)), node, rules)


@given(_indexes, _nodes(), st.booleans())
def test_settings_that_allow_more_take_nothing_away(index: ImageContent, node: NodePlatform, arm32: bool) -> None:
    strict, generous = MatchRules(arm32=arm32), MatchRules(fallback=True, arm32=True)
    if match(index, node, strict).outcome is Outcome.MATCH:
        assert match(index, node, generous).outcome is Outcome.MATCH


@given(st.lists(_answers.map(resolved), max_size=4), _nodes(), _rules)
def test_a_pod_matches_exactly_where_each_of_its_images_does(
    images: list[ResolvedImage], node: NodePlatform, rules: MatchRules
) -> None:
    outcomes = {match(image.answer, node, rules).outcome for image in images}
    order = (Outcome.NO_MATCH, Outcome.UNKNOWN, Outcome.MATCH)
    expected = next((outcome for outcome in order if outcome in outcomes), Outcome.MATCH)
    assert match_pod(images, None, node, rules).outcome is expected


@given(_answers, _nodes(), _nodes(), _rules)
def test_a_reason_never_tells_nodes_apart_that_lack_the_same(
    answer: ImageContent, one: NodePlatform, other: NodePlatform, rules: MatchRules
) -> None:
    first, second = (match_pod((resolved(answer),), None, node, rules) for node in (one, other))
    if first.cause == second.cause and first.outcome is second.outcome:
        assert first.reason == second.reason or isinstance(first.cause, FailureCause)
