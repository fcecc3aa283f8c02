"""Real images in small: layers, configs, manifests and indexes with true digests.

Owns the documents that `registry` serves. Any client can read, verify and even unpack them: a layer is a gzipped tar
with one file in it. Equal arguments give equal digests. Source: the OCI image specification 1.1 and Docker's image
manifest version 2, schema 2.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from scheduler.images import media_types
from scheduler.images.digest import digest_of
from scheduler.images.platform import Platform

_OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_ATTESTATION = "attestation-manifest"


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or index as a registry keeps it."""

    media_type: str
    body: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.body)


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest with the blobs it points to."""

    manifest: Document
    blobs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an index; ``platform`` None leaves it out of the index."""

    document: Document
    platform: Platform | None
    annotations: tuple[tuple[str, str], ...] = ()


def build_image(platform: Platform, name: str, *, docker: bool = False) -> Image:
    """An image for one platform. ``name`` is written into its layer, so that images of different names differ."""
    layer, diff_id = _layer(f"{name} for {platform}\n".encode())
    config = _json(
        {
            **_platform_fields(platform),
            "config": {"Cmd": ["/hello"], "Labels": {"org.opencontainers.image.title": name}},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "sandbox"}],
        }
    )
    kind, config_type, layer_type = (
        (media_types.DOCKER_MANIFEST, media_types.DOCKER_CONFIG, _DOCKER_LAYER)
        if docker
        else (media_types.OCI_MANIFEST, media_types.OCI_CONFIG, _OCI_LAYER)
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": _descriptor(config_type, config),
        "layers": [_descriptor(layer_type, layer)],
    }
    return Image(Document(kind, _json(manifest)), (config, layer))


def build_artifact(artifact_type: str, content: bytes) -> Image:
    """Something in a registry that is no image: a chart, a signature, a policy."""
    empty = b"{}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": _descriptor("application/vnd.oci.empty.v1+json", empty),
        "layers": [_descriptor("application/octet-stream", content)],
    }
    return Image(Document(media_types.OCI_MANIFEST, _json(manifest)), (empty, content))


def build_index(entries: Iterable[Entry], *, docker: bool = False) -> Document:
    """An OCI index or a Docker manifest list."""
    kind = media_types.DOCKER_LIST if docker else media_types.OCI_INDEX
    return Document(
        kind, _json({"schemaVersion": 2, "mediaType": kind, "manifests": [_entry_fields(entry) for entry in entries]})
    )


def attestation_for(document: Document) -> tuple[Image, Entry]:
    """A provenance attestation as BuildKit adds it beside an image, and its entry."""
    statement = _json({"_type": "https://in-toto.io/Statement/v0.1", "subject": [{"digest": document.digest}]})
    config = _json({"architecture": "unknown", "os": "unknown", "rootfs": {"type": "layers", "diff_ids": []}})
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": _descriptor(media_types.OCI_CONFIG, config),
        "layers": [_descriptor("application/vnd.in-toto+json", statement)],
    }
    image = Image(Document(media_types.OCI_MANIFEST, _json(manifest)), (config, statement))
    annotations = (("vnd.docker.reference.digest", document.digest), ("vnd.docker.reference.type", _ATTESTATION))
    return image, Entry(image.manifest, Platform("unknown", "unknown"), annotations)


def _entry_fields(entry: Entry) -> dict[str, object]:
    document = entry.document
    fields: dict[str, object] = {
        "mediaType": document.media_type,
        "digest": document.digest,
        "size": len(document.body),
    }
    if entry.platform is not None:
        fields["platform"] = _platform_fields(entry.platform)
    if entry.annotations:
        fields["annotations"] = dict(entry.annotations)
    return fields


def _platform_fields(platform: Platform) -> dict[str, object]:
    fields: dict[str, object] = {"architecture": platform.architecture, "os": platform.os}
    if platform.variant:
        fields["variant"] = platform.variant
    if platform.os_version:
        fields["os.version"] = platform.os_version
    if platform.os_features:
        fields["os.features"] = list(platform.os_features)
    return fields


def _layer(content: bytes) -> tuple[bytes, str]:
    """(the gzipped layer, the digest of the tar in it)"""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        member = tarfile.TarInfo("hello")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), mtime=0), digest_of(archive.getvalue())


def _descriptor(media_type: str, body: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)
