"""What is known of an image, and what must be opened to know it."""

from __future__ import annotations

import sys

from scheduler.images import media_types
from scheduler.images.content import (
    ContentKind,
    FailureCause,
    ImageContent,
    ImageFailure,
    content_of,
    entries_to_open,
    offered_platforms,
    size_of,
    with_opened,
)
from scheduler.images.manifest import Descriptor, Index, Manifest, Schema1
from scheduler.images.platform import Platform
from tests.images.builders import (
    AMD64,
    ARM64,
    ARM_V7,
    a_digest,
    a_failure,
    an_artifact,
    an_attestation,
    an_entry,
    an_image,
    an_index,
)


def test_each_kind_of_document_becomes_its_kind_of_content() -> None:
    image = Manifest(media_types.OCI_MANIFEST, Descriptor(media_types.OCI_CONFIG, a_digest(1)), "", 5)
    artifact = Manifest(media_types.OCI_MANIFEST, Descriptor(media_types.HELM_CONFIG, a_digest(2)), "", 5)
    schema1 = Schema1(media_types.DOCKER_SCHEMA1, AMD64)
    index = Index(media_types.OCI_INDEX, (Descriptor(media_types.OCI_MANIFEST, a_digest(3), platform=AMD64),))
    digest = a_digest("it")
    assert content_of(digest, image, ARM64) == ImageContent(
        digest, ContentKind.IMAGE, media_types.OCI_MANIFEST, ARM64, size=5
    )
    assert content_of(digest, artifact).artifact_type == media_types.HELM_CONFIG
    assert content_of(digest, schema1).platform == AMD64
    assert [entry.platform for entry in content_of(digest, index).entries] == [AMD64]


def test_an_entry_without_a_usable_digest_is_broken_and_never_asked_for() -> None:
    index = Index(media_types.OCI_INDEX, (Descriptor(media_types.OCI_MANIFEST, "../../secrets"),))
    content = content_of(a_digest("index"), index)
    failure = content.entries[0].failure
    assert failure is not None
    assert failure.cause is FailureCause.MALFORMED
    assert entries_to_open(content) == ()


def test_an_ordinary_index_needs_nothing_opened() -> None:
    assert entries_to_open(an_index(AMD64, ARM64, an_attestation())) == ()


def test_nested_indexes_and_the_first_entry_without_platform_are_opened() -> None:
    nested = an_entry(AMD64, child=an_index(AMD64), media_type=media_types.OCI_INDEX)
    first, second = an_entry(None, child=an_image(ARM64)), an_entry(None, child=an_image(AMD64))
    index = an_index(nested, first, second, an_entry(None, attestation=True), nested)
    assert [entry.digest for entry in entries_to_open(index)] == [nested.digest, first.digest]


def test_what_was_opened_is_kept_with_its_entry_and_leaves_the_rest_alone() -> None:
    first, second = an_entry(None, child=an_image(ARM64)), an_entry(None, child=an_image(AMD64))
    index = an_index(an_entry(ARM_V7), first, second)
    failure = a_failure(FailureCause.TIMEOUT)
    opened = with_opened(index, {first.digest: failure, second.digest: an_image(ARM64)})
    assert opened.entries[0] == index.entries[0]
    assert (opened.entries[1].content, opened.entries[1].failure) == (None, failure)
    assert opened.entries[2].content == an_image(ARM64)


def test_the_offer_is_distinct_in_order_and_without_attestations() -> None:
    nested = an_entry(None, child=an_index(ARM_V7, ARM64), media_type=media_types.OCI_INDEX)
    index = an_index(
        ARM64,
        an_attestation(),
        AMD64,
        AMD64,
        Platform("linux", ""),
        Platform("unknown", "unknown"),
        an_entry(None, child=an_image(Platform("linux", "riscv64"))),
        an_entry(None, child=an_artifact()),
        nested,
    )
    assert offered_platforms(index) == (ARM64, AMD64, Platform("linux", "riscv64"), ARM_V7)
    assert offered_platforms(an_image(ARM64)) == (ARM64,)
    assert offered_platforms(an_artifact()) == ()


def test_the_index_is_believed_about_an_entry_that_was_opened_all_the_same() -> None:
    assert offered_platforms(an_index(an_entry(ARM64, child=an_image(AMD64)))) == (ARM64,)


def test_the_size_is_near_what_python_needs() -> None:
    failure = ImageFailure(FailureCause.NOT_FOUND, "registry.test answered 404")
    index = an_index(
        *[an_entry(Platform("linux", "amd64", str(i))) for i in range(50)], an_entry(None, failure=failure)
    )
    assert _deep_size(index) / 2 < size_of(index) < 2 * _deep_size(index)
    assert size_of(an_index(an_entry(None, child=index))) > size_of(index)


def _deep_size(value: object) -> int:
    own = sys.getsizeof(value)
    if isinstance(value, tuple):
        return own + sum(map(_deep_size, value))
    fields = getattr(value, "__struct_fields__", ())
    return own + sum(_deep_size(getattr(value, name)) for name in fields if name != "kind")
