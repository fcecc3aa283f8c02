"""The decision table: what is known of an image, against a node."""

from __future__ import annotations

import msgspec
import pytest

from scheduler.images import media_types
from scheduler.images.content import FailureCause, ImageAnswer, ImageContent
from scheduler.images.manifest import MalformedManifest
from scheduler.images.matching import MatchRules, match, match_pod
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform
from scheduler.images.runtime import Runtime
from scheduler.images.verdict import Cause, Outcome
from tests.images.builders import (
    AMD64,
    AMD64_NODE,
    ARM64,
    ARM64_NODE,
    ARM_NODE,
    ARM_V7,
    CRIO_AMD64_NODE,
    CRIO_ARM64_NODE,
    WINDOWS_2019,
    WINDOWS_2019_NODE,
    WINDOWS_2022,
    WINDOWS_2022_NODE,
    WINDOWS_2025_NODE,
    a_failure,
    a_schema1_image,
    an_artifact,
    an_attestation,
    an_entry,
    an_image,
    an_index,
    resolved,
)
from tests.images.cases import Store, load, node_of, serialise

MATCH, NO_MATCH, UNKNOWN = Outcome.MATCH, Outcome.NO_MATCH, Outcome.UNKNOWN

NOTHING_KNOWN = NodePlatform("", "")
WINDOWS_OF_UNKNOWN_BUILD = NodePlatform("windows", "amd64", runtime=Runtime.CONTAINERD)
DOCKER_NODE = NodePlatform("linux", "amd64", runtime=Runtime.DOCKER)
DOCKER_V3_NODE = NodePlatform("linux", "amd64", "v3", runtime=Runtime.DOCKER)

I386 = Platform("linux", "386")
ARM_V6 = Platform("linux", "arm", "v6")
AMD64_V3 = Platform("linux", "amd64", "v3")
UNAME = Platform("linux", "x86_64")
ANY_WINDOWS = Platform("windows", "amd64")
NO_ARCHITECTURE = Platform("linux", "")

_NESTED = an_index(an_entry(None, child=an_index(AMD64, ARM64), media_type=media_types.OCI_INDEX))
_WITHOUT_PLATFORM = an_index(ARM64, an_entry(None, child=an_image(AMD64)))
_CHILD_MISSING = an_index(an_entry(AMD64, failure=a_failure(FailureCause.NOT_FOUND)), ARM64)


@pytest.mark.parametrize(
    ("answer", "node", "outcome", "cause"),
    [
        # an index: the runtime chooses
        (an_index(AMD64, ARM64), AMD64_NODE, MATCH, None),
        (an_index(AMD64, ARM64), ARM64_NODE, MATCH, None),
        (an_index(AMD64, ARM64), WINDOWS_2022_NODE, NO_MATCH, Cause.NO_PLATFORM),
        (an_index(AMD64, ARM64), ARM_NODE, NO_MATCH, Cause.NO_PLATFORM),
        (an_index(WINDOWS_2019, WINDOWS_2022), AMD64_NODE, NO_MATCH, Cause.NO_PLATFORM),
        (an_index(), AMD64_NODE, NO_MATCH, Cause.EMPTY_INDEX),
        (an_index(an_attestation()), AMD64_NODE, NO_MATCH, Cause.EMPTY_INDEX),
        (an_index(Platform("unknown", "unknown")), AMD64_NODE, NO_MATCH, Cause.EMPTY_INDEX),
        (an_index(I386), AMD64_NODE, NO_MATCH, Cause.FALLBACK_ONLY),
        (an_index(ARM_V7), ARM64_NODE, NO_MATCH, Cause.FALLBACK_ONLY),
        (an_index(ARM_V6), ARM_NODE, NO_MATCH, Cause.FALLBACK_ONLY),
        (an_index(I386), CRIO_AMD64_NODE, NO_MATCH, Cause.NO_PLATFORM),
        (an_index(I386), DOCKER_NODE, MATCH, None),
        (an_index(AMD64_V3), AMD64_NODE, NO_MATCH, Cause.CPU_LEVEL),
        (an_index(AMD64_V3), DOCKER_V3_NODE, MATCH, None),
        (an_index(UNAME), AMD64_NODE, MATCH, None),
        (an_index(UNAME), CRIO_AMD64_NODE, NO_MATCH, Cause.SPELLING),
        (an_index(Platform("linux", "amd64", os_features=("new",))), AMD64_NODE, NO_MATCH, Cause.NO_PLATFORM),
        (an_index(Platform("linux", "amd64", os_features=("new",))), CRIO_AMD64_NODE, MATCH, None),
        (_WITHOUT_PLATFORM, AMD64_NODE, MATCH, None),
        (_WITHOUT_PLATFORM, CRIO_AMD64_NODE, MATCH, None),
        (an_index(an_entry(None, child=an_image(ARM64))), CRIO_AMD64_NODE, NO_MATCH, Cause.CONFIG_PLATFORM),
        (an_index(an_entry(None, child=an_image(NO_ARCHITECTURE))), CRIO_AMD64_NODE, UNKNOWN, Cause.NO_PLATFORM_DATA),
        (an_index(an_entry(None, child=an_artifact())), CRIO_AMD64_NODE, NO_MATCH, Cause.NOT_AN_IMAGE),
        (an_index(an_entry(None)), AMD64_NODE, UNKNOWN, FailureCause.PENDING),
        (
            an_index(an_entry(None, failure=a_failure(FailureCause.TIMEOUT))),
            AMD64_NODE,
            UNKNOWN,
            FailureCause.TIMEOUT,
        ),
        (_CHILD_MISSING, AMD64_NODE, NO_MATCH, Cause.CHILD_MISSING),
        (_CHILD_MISSING, ARM64_NODE, MATCH, None),
        (_NESTED, AMD64_NODE, MATCH, None),
        (_NESTED, CRIO_AMD64_NODE, NO_MATCH, Cause.NESTED_INDEX),
        # Windows builds
        (an_index(WINDOWS_2019, WINDOWS_2022), WINDOWS_2022_NODE, MATCH, None),
        (an_index(WINDOWS_2019), WINDOWS_2022_NODE, NO_MATCH, Cause.OS_VERSION),
        (an_index(WINDOWS_2022), WINDOWS_2019_NODE, NO_MATCH, Cause.OS_VERSION),
        (an_index(WINDOWS_2022), WINDOWS_2025_NODE, MATCH, None),
        (an_index(WINDOWS_2019, ANY_WINDOWS), WINDOWS_OF_UNKNOWN_BUILD, MATCH, None),
        (an_index(WINDOWS_2019, WINDOWS_2022), WINDOWS_OF_UNKNOWN_BUILD, UNKNOWN, Cause.NODE_OS_VERSION),
        (an_index(AMD64), WINDOWS_OF_UNKNOWN_BUILD, NO_MATCH, Cause.NO_PLATFORM),
        # a single manifest: pulled whatever it is
        (an_image(AMD64), AMD64_NODE, MATCH, None),
        (an_image(ARM64), AMD64_NODE, NO_MATCH, Cause.CONFIG_PLATFORM),
        (an_image(UNAME), CRIO_AMD64_NODE, MATCH, None),
        (an_image(I386), AMD64_NODE, MATCH, None),
        (an_image(I386), CRIO_AMD64_NODE, MATCH, None),
        (an_image(ARM_V6), ARM_NODE, MATCH, None),
        (an_image(ARM_V7), ARM64_NODE, NO_MATCH, Cause.FALLBACK_ONLY),
        (an_image(ARM_V7), CRIO_ARM64_NODE, NO_MATCH, Cause.FALLBACK_ONLY),
        (an_image(AMD64_V3), AMD64_NODE, NO_MATCH, Cause.CPU_LEVEL),
        (an_image(AMD64_V3), DOCKER_V3_NODE, MATCH, None),
        (an_image(Platform("", "amd64")), AMD64_NODE, MATCH, None),
        (an_image(Platform("", "amd64")), WINDOWS_2022_NODE, NO_MATCH, Cause.CONFIG_PLATFORM),
        (an_image(NO_ARCHITECTURE), AMD64_NODE, UNKNOWN, Cause.NO_PLATFORM_DATA),
        (an_image(None), AMD64_NODE, UNKNOWN, Cause.NO_PLATFORM_DATA),
        (an_image(WINDOWS_2022), WINDOWS_2022_NODE, MATCH, None),
        (an_image(WINDOWS_2019), WINDOWS_2022_NODE, NO_MATCH, Cause.OS_VERSION),
        (an_image(WINDOWS_2019), WINDOWS_OF_UNKNOWN_BUILD, UNKNOWN, Cause.NODE_OS_VERSION),
        (an_image(ANY_WINDOWS), WINDOWS_OF_UNKNOWN_BUILD, MATCH, None),
        # no image at all
        (an_artifact(), AMD64_NODE, NO_MATCH, Cause.NOT_AN_IMAGE),
        (an_artifact(), NOTHING_KNOWN, NO_MATCH, Cause.NOT_AN_IMAGE),
        (a_schema1_image(AMD64), AMD64_NODE, NO_MATCH, Cause.SCHEMA1),
        (a_schema1_image(AMD64), CRIO_AMD64_NODE, MATCH, None),
        (a_schema1_image(AMD64), CRIO_ARM64_NODE, NO_MATCH, Cause.CONFIG_PLATFORM),
        # a node that does not say what it is
        (an_index(AMD64), NOTHING_KNOWN, UNKNOWN, Cause.NODE_UNKNOWN),
        (an_index(AMD64), NodePlatform("linux", ""), UNKNOWN, Cause.NODE_UNKNOWN),
    ],
)
def test_the_decision_table(answer: ImageAnswer, node: NodePlatform, outcome: Outcome, cause: object) -> None:
    verdict = match(answer, node)
    assert (verdict.outcome, verdict.cause) == (outcome, cause)


@pytest.mark.parametrize("cause", FailureCause)
def test_a_failed_look_up_is_unknown_unless_the_name_is_none(cause: FailureCause) -> None:
    verdict = match(a_failure(cause), AMD64_NODE)
    assert verdict.outcome is (NO_MATCH if cause is FailureCause.INVALID_REFERENCE else UNKNOWN)
    assert verdict.cause is cause


def test_an_artifact_may_be_mounted_but_an_image_volume_of_another_platform_may_not() -> None:
    assert match(an_artifact(), AMD64_NODE, volume=True).outcome is MATCH
    assert match(an_artifact(), NOTHING_KNOWN, volume=True).outcome is MATCH
    assert match(an_image(ARM64), AMD64_NODE, volume=True).outcome is NO_MATCH


@pytest.mark.parametrize(
    ("answer", "node", "rules", "outcome"),
    [
        (an_index(I386), AMD64_NODE, MatchRules(fallback=True), MATCH),
        (an_index(ARM_V6), ARM_NODE, MatchRules(fallback=True), MATCH),
        (an_index(ARM_V7), ARM64_NODE, MatchRules(fallback=True), NO_MATCH),
        (an_index(ARM_V7), ARM64_NODE, MatchRules(arm32=True), NO_MATCH),
        (an_index(ARM_V7), ARM64_NODE, MatchRules(fallback=True, arm32=True), MATCH),
        (an_image(ARM_V7), ARM64_NODE, MatchRules(arm32=True), MATCH),
        (an_image(ARM_V7), ARM64_NODE, MatchRules(fallback=True), NO_MATCH),
    ],
)
def test_the_settings_allow_what_no_node_tells(
    answer: ImageAnswer, node: NodePlatform, rules: MatchRules, outcome: Outcome
) -> None:
    assert match(answer, node, rules).outcome is outcome


def test_the_labels_of_a_node_outweigh_the_settings() -> None:
    everything, nothing = MatchRules(fallback=True, arm32=True), MatchRules()
    willing = msgspec.structs.replace(ARM64_NODE, fallback=True, arm32=True)
    refusing = msgspec.structs.replace(ARM64_NODE, fallback=False, arm32=False)
    assert match(an_index(ARM_V7), willing, nothing).outcome is MATCH
    assert match(an_index(ARM_V7), refusing, everything).outcome is NO_MATCH
    assert match(an_image(ARM_V7), refusing, everything).outcome is NO_MATCH


def test_an_index_is_believed_until_a_deep_check_is_asked_for() -> None:
    mislabelled = an_index(an_entry(ARM64, child=an_image(AMD64)))
    honest = an_index(an_entry(ARM64, child=an_image(ARM64)))
    assert match(mislabelled, ARM64_NODE).outcome is MATCH
    assert match(mislabelled, ARM64_NODE, MatchRules(deep_check=True)).cause is Cause.MISLABELLED
    assert match(honest, ARM64_NODE, MatchRules(deep_check=True)).outcome is MATCH
    assert match(an_index(ARM64), ARM64_NODE, MatchRules(deep_check=True)).outcome is MATCH


@pytest.mark.parametrize(
    "answer",
    [an_index(UNAME), an_index(I386), an_index(Platform("linux", "amd64", os_features=("new",))), _NESTED],
    ids=["spelling", "fallback", "features", "nested"],
)
def test_a_runtime_that_does_not_say_what_it_is_runs_only_what_all_run(answer: ImageContent) -> None:
    unknown = NodePlatform("linux", "amd64")
    assert match(answer, unknown).outcome is NO_MATCH
    assert match(an_index(AMD64), unknown).outcome is MATCH
    assert match(an_image(I386), unknown).outcome is MATCH


def test_what_the_library_selects_runs_unless_its_config_says_otherwise() -> None:
    """The verdicts over all index cases: a mistake of the matcher would be a pod on a node that cannot run it."""
    file = load("index-selection-cases.json.gz")
    store = Store(file["blobs"])
    wrong = []
    for case in file["cases"]:
        try:
            content = store.content(case["index_digest"], serialise(case["index"]), case["media_type"])
        except MalformedManifest:
            assert case["chosen"] is None
            continue
        rules = MatchRules(fallback=case["runtime"] == "containerd", arm32=True)
        verdict = match(content, node_of(case), rules)
        taken_unseen = case["runtime"] == "cri-o" and case.get("config_platform_differs", False)
        expected = MATCH if case["chosen"] and not _is_unseen(case, content, taken_unseen) else NO_MATCH
        if verdict.cause in (Cause.NODE_OS_VERSION, Cause.NO_PLATFORM_DATA):
            assert case["chosen"] is not None
        elif verdict.outcome is not expected:
            wrong.append(f"{case['id']} ({case['name']}) on {case['node']}: {verdict}")
    assert wrong == []


def _is_unseen(case: dict[str, object], content: ImageContent, differs: bool) -> bool:
    """CRI-O took an entry without platform whose config then does not fit."""
    return differs and any(e.platform is None and e.digest == case["chosen"] for e in content.entries)


# All images of a pod


def test_one_image_that_cannot_run_decides_and_the_first_such_is_named() -> None:
    images = (
        resolved(an_index(AMD64, ARM64), "good:1"),
        resolved(a_failure(FailureCause.TIMEOUT), "unknown:1"),
        resolved(an_index(ARM64), "bad:1"),
        resolved(an_index(ARM64), "worse:1"),
    )
    verdict = match_pod(images, None, AMD64_NODE)
    assert (verdict.outcome, verdict.cause) == (NO_MATCH, Cause.NO_PLATFORM)
    assert verdict.image == images[2]
    assert verdict.reason == "can't run image bad:1 (built for linux/arm64)"


def test_the_most_lasting_unknown_is_reported() -> None:
    images = tuple(
        resolved(a_failure(cause), f"{cause.value}:1")
        for cause in (FailureCause.PENDING, FailureCause.UNAUTHORIZED, FailureCause.TIMEOUT)
    )
    verdict = match_pod((*images, resolved(an_index(AMD64), "good:1")), None, AMD64_NODE)
    assert (verdict.outcome, verdict.cause) == (UNKNOWN, FailureCause.UNAUTHORIZED)
    assert verdict.image == images[1]


def test_a_pod_whose_images_all_match_matches() -> None:
    images = (resolved(an_index(AMD64, ARM64)), resolved(an_image(AMD64)), resolved(an_artifact(), volume=True))
    verdict = match_pod(images, "linux", AMD64_NODE)
    assert (verdict.outcome, verdict.cause, verdict.image, verdict.reason) == (MATCH, None, None, "")


def test_a_pod_without_images_to_check_matches() -> None:
    assert match_pod((), None, NOTHING_KNOWN).outcome is MATCH


def test_the_operating_system_of_the_pod_decides_first() -> None:
    verdict = match_pod((resolved(an_index(AMD64)),), "windows", AMD64_NODE)
    assert (verdict.outcome, verdict.cause, verdict.image) == (NO_MATCH, Cause.POD_OS, None)
    assert match_pod((resolved(an_index(AMD64)),), "windows", NOTHING_KNOWN).cause is Cause.NODE_UNKNOWN


def test_every_cause_of_an_unknown_outcome_can_be_ranked() -> None:
    """Two images of any two causes must not make the verdict fail."""
    failures: list[ImageAnswer] = [
        a_failure(cause) for cause in FailureCause if cause is not FailureCause.INVALID_REFERENCE
    ]
    pod = [resolved(answer) for answer in (*failures, an_image(None), an_image(WINDOWS_2019))]
    assert match_pod(pod, None, WINDOWS_OF_UNKNOWN_BUILD).cause is Cause.NO_PLATFORM_DATA
