"""Documents from registries, good and bad."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.images import media_types
from scheduler.images.manifest import Index, MalformedManifest, Manifest, Schema1, parse_config, parse_manifest
from scheduler.images.platform import Platform
from tests.images.builders import a_digest

DIGEST = a_digest("child")


def body(**fields: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, **fields}).encode()


@pytest.mark.parametrize("media_type", [media_types.OCI_INDEX, media_types.DOCKER_LIST])
def test_an_index_lists_its_entries_in_order(media_type: str) -> None:
    entries = [
        {
            "mediaType": media_types.OCI_MANIFEST,
            "digest": DIGEST,
            "size": 7,
            "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"},
        },
        {
            "mediaType": media_types.OCI_MANIFEST,
            "digest": DIGEST,
            "platform": {
                "os": "windows",
                "architecture": "amd64",
                "os.version": "10.0.20348.1",
                "os.features": ["win32k"],
            },
        },
        {"mediaType": media_types.OCI_MANIFEST, "digest": DIGEST},
        {"mediaType": media_types.OCI_MANIFEST, "digest": DIGEST, "platform": {}},
        {"mediaType": media_types.OCI_MANIFEST, "digest": DIGEST, "platform": None, "annotations": None},
    ]
    index = parse_manifest(body(manifests=entries), media_type)
    assert isinstance(index, Index)
    assert [entry.platform for entry in index.manifests] == [
        Platform("linux", "arm64", "v8"),
        Platform("windows", "amd64", "", "10.0.20348.1", ("win32k",)),
        None,
        Platform("", ""),
        None,
    ]
    assert index.manifests[0].size == 7


def test_annotations_tell_attestations_and_zstd_copies() -> None:
    attestation = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": DIGEST}
    zstd = {"io.github.containers.compression.zstd": "true", "other": "x"}
    entries = [{"digest": DIGEST, "annotations": annotations} for annotations in (attestation, zstd, {"a": "b"})]
    index = parse_manifest(body(manifests=entries), media_types.OCI_INDEX)
    assert isinstance(index, Index)
    assert [(entry.attestation, entry.zstd) for entry in index.manifests] == [
        (True, False),
        (False, True),
        (False, False),
    ]


@pytest.mark.parametrize("fields", [{}, {"manifests": None}, {"manifests": []}])
def test_an_index_may_be_empty(fields: dict[str, Any]) -> None:
    assert parse_manifest(body(**fields), media_types.OCI_INDEX) == Index(media_types.OCI_INDEX, ())


@pytest.mark.parametrize(
    ("media_type", "config_type"),
    [
        (media_types.OCI_MANIFEST, media_types.OCI_CONFIG),
        (media_types.DOCKER_MANIFEST, media_types.DOCKER_CONFIG),
    ],
)
def test_an_image_manifest_points_to_its_config_and_sums_its_size(media_type: str, config_type: str) -> None:
    manifest = parse_manifest(
        body(config={"mediaType": config_type, "digest": DIGEST, "size": 10}, layers=[{"size": 100}, {"size": 1000}]),
        media_type,
    )
    assert isinstance(manifest, Manifest)
    assert manifest.is_image
    assert manifest.config.digest == DIGEST
    assert manifest.size == 1110


@pytest.mark.parametrize(
    ("fields", "artifact_type"),
    [
        ({"config": {"mediaType": media_types.HELM_CONFIG, "digest": DIGEST}}, ""),
        (
            {
                "artifactType": "application/vnd.example.sbom",
                "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": DIGEST},
            },
            "application/vnd.example.sbom",
        ),
    ],
)
def test_an_artifact_is_no_image(fields: dict[str, Any], artifact_type: str) -> None:
    manifest = parse_manifest(body(**fields), media_types.OCI_MANIFEST)
    assert isinstance(manifest, Manifest)
    assert not manifest.is_image
    assert manifest.artifact_type == artifact_type


def test_an_artifact_manifest_of_the_oci_draft_needs_no_config() -> None:
    manifest = parse_manifest(
        body(artifactType="application/vnd.example.model", blobs=[{"size": 5}]), media_types.OCI_ARTIFACT_MANIFEST
    )
    assert isinstance(manifest, Manifest)
    assert not manifest.is_image
    assert manifest.size == 5


def test_schema_1_names_its_platform_itself() -> None:
    history = [{"v1Compatibility": json.dumps({"os": "linux", "id": "x"})}]
    document = {"schemaVersion": 1, "architecture": "amd64", "fsLayers": [], "history": history}
    for content_type in (media_types.DOCKER_SCHEMA1_SIGNED, media_types.DOCKER_SCHEMA1, "application/json", None):
        schema1 = parse_manifest(json.dumps(document).encode(), content_type)
        assert isinstance(schema1, Schema1)
        assert schema1.platform == Platform("linux", "amd64")


@pytest.mark.parametrize(
    ("content_type", "fields", "kind"),
    [
        (f"{media_types.OCI_INDEX}; charset=utf-8", {}, Index),
        (media_types.OCI_INDEX.upper(), {}, Index),
        ("application/json", {"mediaType": media_types.DOCKER_LIST}, Index),
        (None, {"mediaType": media_types.OCI_MANIFEST, "config": {}}, Manifest),
        ("text/plain", {"manifests": []}, Index),
        (None, {"config": {"mediaType": media_types.OCI_CONFIG}}, Manifest),
    ],
)
def test_header_then_document_then_shape_tell_the_type(
    content_type: str | None, fields: dict[str, Any], kind: type[object]
) -> None:
    assert isinstance(parse_manifest(body(**fields), content_type), kind)


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        (media_types.OCI_INDEX, b""),
        (media_types.OCI_INDEX, b"<html>"),
        (media_types.OCI_INDEX, b"[]"),
        (media_types.OCI_INDEX, b"null"),
        (media_types.OCI_INDEX, b'{"manifests": {}}'),
        (media_types.OCI_INDEX, b'{"manifests": [{"platform": {"os": 5}}]}'),
        (media_types.OCI_INDEX, b'{"mediaType": "\xff"}'),
        (media_types.OCI_INDEX, b'{"a":' * 100_000),
        (media_types.OCI_INDEX, body(config={})),
        (media_types.OCI_INDEX, body(layers=[])),
        (media_types.OCI_INDEX, body(fsLayers=[])),
        (media_types.OCI_INDEX, body(mediaType=media_types.OCI_MANIFEST)),
        (media_types.OCI_MANIFEST, body(config={}, manifests=[])),
        (media_types.OCI_MANIFEST, body(config={}, fsLayers=[])),
        (media_types.OCI_MANIFEST, body(config={}, mediaType=media_types.DOCKER_LIST)),
        (media_types.OCI_MANIFEST, body()),
        (media_types.DOCKER_SCHEMA1, body(manifests=[])),
        (media_types.DOCKER_SCHEMA1, b'{"schemaVersion": 1, "history": [{"v1Compatibility": "{"}]}'),
        ("application/json", body()),
        (None, b'{"errors": [{"code": "UNKNOWN"}]}'),
    ],
    ids=lambda value: value[:40].decode(errors="replace") if isinstance(value, bytes) else None,
)
def test_broken_and_ambiguous_documents_are_refused(content_type: str | None, content: bytes) -> None:
    with pytest.raises(MalformedManifest, match="malformed manifest"):
        parse_manifest(content, content_type)


@given(st.binary(max_size=200) | st.text('{}[]:,"manifestsconfig0 ', max_size=60).map(str.encode))
def test_bytes_of_any_kind_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(MalformedManifest):
        assert isinstance(parse_manifest(content, media_types.OCI_INDEX), Index)
    with contextlib.suppress(MalformedManifest):
        assert isinstance(parse_config(content), Platform)


def test_a_config_names_a_platform_or_leaves_fields_empty() -> None:
    config: dict[str, Any] = {
        "architecture": "amd64",
        "os": "windows",
        "os.version": "10.0.20348.1",
        "os.features": None,
        "rootfs": {},
    }
    assert parse_config(json.dumps(config).encode()) == Platform("windows", "amd64", os_version="10.0.20348.1")
    assert parse_config(b"{}") == Platform("", "")


def test_a_config_that_is_no_object_is_refused() -> None:
    with pytest.raises(MalformedManifest):
        parse_config(b'"linux/amd64"')
