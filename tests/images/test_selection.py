"""Whole indexes, by the answers of the libraries; and the odd ones that no case covers."""

from __future__ import annotations

import pytest

from scheduler.images import media_types
from scheduler.images.content import FailureCause, ImageContent
from scheduler.images.digest import verify
from scheduler.images.manifest import MalformedManifest
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform
from scheduler.images.runtime import Runtime
from scheduler.images.selection import Selection, select
from scheduler.images.verdict import Cause
from tests.images.builders import (
    AMD64,
    AMD64_NODE,
    ARM64,
    ARM64_NODE,
    ARM_V7,
    CRIO_AMD64_NODE,
    a_failure,
    an_artifact,
    an_attestation,
    an_entry,
    an_image,
    an_index,
)
from tests.images.cases import Case, Store, load, node_of, serialise

_FILE = load("index-selection-cases.json.gz")
_STORE = Store(_FILE["blobs"])

_CAUSES = {
    "no-match": {Cause.NO_PLATFORM},
    "content-missing": {Cause.CHILD_MISSING, Cause.FALLBACK_ONLY},
    "list-inside-list": {Cause.NESTED_INDEX},
    "not-an-image": {Cause.NOT_AN_IMAGE},
}
_AMBIGUOUS = {"claims to be a manifest", "index with config"}  # refused before any choice; CRI-O lets the first pass


def _content(case: Case) -> ImageContent:
    return _STORE.content(case["index_digest"], serialise(case["index"]), case["media_type"])


def _select(case: Case) -> Selection:
    return select(_content(case), node_of(case), fallback=case["runtime"] != "containerd-transfer")


def test_the_documents_of_the_cases_have_their_digests() -> None:
    for digest, blob in _STORE.blobs.items():
        verify(blob, digest)
    for case in _FILE["cases"]:
        verify(serialise(case["index"]), case["index_digest"])


@pytest.mark.parametrize("runtime", ["containerd", "containerd-transfer", "cri-o", "docker"])
def test_the_manifest_that_the_library_takes_is_selected(runtime: str) -> None:
    cases = [case for case in _FILE["cases"] if case["runtime"] == runtime and case["name"] not in _AMBIGUOUS]
    wrong = []
    for case in cases:
        selection = _select(case)
        chosen = selection.entry.digest if selection.entry else None
        if chosen != case["chosen"] or (chosen is None and selection.cause not in _CAUSES[case["failure"]]):
            wrong.append(f"{case['id']} ({case['name']}) on {case['node']}: {selection}, not {case['chosen']}")
    assert wrong == []
    assert len(cases) == sum(_FILE["source"]["runtimes"][runtime]["rows"].values()) - 2


def test_the_documents_that_the_library_finds_ambiguous_are_refused() -> None:
    cases = [case for case in _FILE["cases"] if case["name"] in _AMBIGUOUS]
    assert {case["chosen"] for case in cases} == {None}
    for case in cases:
        with pytest.raises(MalformedManifest):
            _content(case)


def test_an_entry_that_was_not_opened_yet_leaves_the_choice_open() -> None:
    index = an_index(ARM64, an_entry(None))
    for node in (AMD64_NODE, CRIO_AMD64_NODE):
        selection = select(index, node, fallback=False)
        assert selection.failure is not None
        assert selection.failure.cause is FailureCause.PENDING
    assert select(index, ARM64_NODE, fallback=False).entry == index.entries[0]


def test_a_child_that_could_not_be_read_leaves_the_choice_open_where_it_decides() -> None:
    failure = a_failure(FailureCause.RATE_LIMITED)
    index = an_index(ARM64, an_entry(None, failure=failure))
    assert select(index, AMD64_NODE, fallback=False) == Selection(failure=failure)
    assert select(index, CRIO_AMD64_NODE, fallback=False) == Selection(failure=failure)
    assert select(index, ARM64_NODE, fallback=False).entry == index.entries[0]


def test_a_nested_index_that_could_not_be_read_leaves_the_choice_open() -> None:
    failure = a_failure(FailureCause.TIMEOUT)
    index = an_index(an_entry(AMD64, failure=failure, media_type=media_types.OCI_INDEX))
    assert select(index, AMD64_NODE, fallback=False) == Selection(failure=failure)


def test_an_entry_of_an_unknown_type_is_taken_and_then_of_no_use() -> None:
    index = an_index(an_entry(AMD64, media_type="application/vnd.example.thing"), AMD64)
    for node in (AMD64_NODE, CRIO_AMD64_NODE):
        assert select(index, node, fallback=True).cause is Cause.NOT_AN_IMAGE


def test_an_artifact_without_platform_fits_nowhere() -> None:
    index = an_index(an_entry(None, child=an_artifact()))
    assert select(index, AMD64_NODE, fallback=True).cause is Cause.NO_PLATFORM
    assert select(index, CRIO_AMD64_NODE, fallback=True).cause is Cause.NOT_AN_IMAGE


def test_only_the_fallback_choice_counts_even_if_a_later_entry_without_platform_would_fit() -> None:
    index = an_index(ARM_V7, an_entry(None, child=an_image(ARM64)))
    assert select(index, ARM64_NODE, fallback=False).cause is Cause.FALLBACK_ONLY
    assert select(index, ARM64_NODE, fallback=True).entry == index.entries[0]


@pytest.mark.parametrize("runtime", Runtime)
def test_an_index_of_nothing_but_attestations_fits_nowhere(runtime: Runtime) -> None:
    node = NodePlatform("linux", "amd64", runtime=runtime)
    assert select(an_index(an_attestation(), an_attestation()), node, fallback=True).cause is Cause.NO_PLATFORM
    disguised = an_entry(Platform("linux", "amd64"), attestation=True)
    assert select(an_index(disguised, AMD64), node, fallback=True).entry == an_entry(AMD64)
