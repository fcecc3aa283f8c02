"""Tiny but real images: an OCI layout is written here, and regctl, which none of us wrote, pushes it to a registry.

Every blob is true: a gzip layer that holds a file, a config with the layer's diff id, manifests and indexes whose
digests are the SHA-256 of their bytes. The same platform gives the same image, whichever index it is in.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

from tests.cluster.binaries import binary
from tests.cluster.registry import PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.cluster.registry import Registry

_CREATED = "2026-01-01T00:00:00Z"
_PUSH_SECONDS = 30


@dataclasses.dataclass(frozen=True)
class MediaTypes:
    """The names that one family of image formats has for its documents."""

    index: str
    manifest: str
    config: str
    layer: str


OCI = MediaTypes(
    index="application/vnd.oci.image.index.v1+json",
    manifest="application/vnd.oci.image.manifest.v1+json",
    config="application/vnd.oci.image.config.v1+json",
    layer="application/vnd.oci.image.layer.v1.tar+gzip",
)
DOCKER = MediaTypes(
    index="application/vnd.docker.distribution.manifest.list.v2+json",
    manifest="application/vnd.docker.distribution.manifest.v2+json",
    config="application/vnd.docker.container.image.v1+json",
    layer="application/vnd.docker.image.rootfs.diff.tar.gzip",
)


@dataclasses.dataclass(frozen=True)
class ImagePlatform:
    """What an image was built for; as text, as regctl has it: `linux/arm/v7`, `windows/amd64,osver=10.0.20348.2700`."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""

    @classmethod
    def parse(cls, text: str) -> ImagePlatform:
        """The reverse of `str`."""
        name, _, version = text.partition(",osver=")
        system, architecture, *variant = name.split("/")
        return cls(system, architecture, "".join(variant), version)

    def __str__(self) -> str:
        name = "/".join(part for part in (self.os, self.architecture, self.variant) if part)
        return f"{name},osver={self.os_version}" if self.os_version else name

    def document(self) -> dict[str, str]:
        """As an index entry's `platform`, or part of a config."""
        fields = {
            "architecture": self.architecture,
            "os": self.os,
            "os.version": self.os_version,
            "variant": self.variant,
        }
        return {name: value for name, value in fields.items() if value}


MULTI_ARCH = tuple(
    ImagePlatform.parse(text)
    for text in (
        "linux/amd64",
        "linux/arm64",
        "linux/arm/v7",
        "windows/amd64,osver=10.0.17763.8027",
        "windows/amd64,osver=10.0.20348.4405",
    )
)
"""What a well-made public image offers: three Linux platforms, Windows Server 2019 and 2022."""


@dataclasses.dataclass(frozen=True)
class Descriptor:
    """A document of the layout: what kind, which bytes and, in an index, for which platform."""

    media_type: str
    digest: str
    size: int
    platform: ImagePlatform | None = None
    annotations: tuple[tuple[str, str], ...] = ()

    def document(self) -> dict[str, Any]:
        entry: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.platform is not None:
            entry["platform"] = self.platform.document()
        if self.annotations:
            entry["annotations"] = dict(self.annotations)
        return entry


class ImageLayout:
    """An OCI image layout in a folder, to which images and indexes are added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tagged: list[Descriptor] = []
        (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))

    def image(self, platform: ImagePlatform, types: MediaTypes = OCI) -> Descriptor:
        """A manifest with its config and one layer, which holds a file that names the platform."""
        archive = _archive("etc/platform", f"{platform}\n".encode())
        layer = self._blob(types.layer, gzip.compress(archive, mtime=0))
        config = self._json(
            types.config,
            {
                **platform.document(),
                "created": _CREATED,
                "config": {"Cmd": ["/app"]},
                "rootfs": {"type": "layers", "diff_ids": [_digest(archive)]},
                "history": [{"created": _CREATED, "created_by": "tests"}],
            },
        )
        return dataclasses.replace(self._manifest(types, config, [layer]), platform=platform)

    def attestation(self, subject: Descriptor) -> Descriptor:
        """The provenance of `subject` as BuildKit adds it to an index: an entry for platform unknown/unknown."""
        unknown = ImagePlatform("unknown", "unknown")
        algorithm, _, value = subject.digest.partition(":")
        statement = {
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": "https://slsa.dev/provenance/v0.2",
            "subject": [{"name": "tests", "digest": {algorithm: value}}],
            "predicate": {},
        }
        layer = self._json("application/vnd.in-toto+json", statement)
        config = self._json(
            OCI.config, {**unknown.document(), "rootfs": {"type": "layers", "diff_ids": [layer.digest]}}
        )
        annotations = (
            ("vnd.docker.reference.digest", subject.digest),
            ("vnd.docker.reference.type", "attestation-manifest"),
        )
        return dataclasses.replace(self._manifest(OCI, config, [layer]), platform=unknown, annotations=annotations)

    def index(self, entries: Sequence[Descriptor], types: MediaTypes = OCI) -> Descriptor:
        """An index (Docker: a manifest list) of the given manifests, in their order."""
        manifests = [entry.document() for entry in entries]
        return self._json(types.index, {"schemaVersion": 2, "mediaType": types.index, "manifests": manifests})

    def tag(self, descriptor: Descriptor, name: str) -> None:
        """Make `descriptor` what the layout calls `name`."""
        self._tagged.append(
            dataclasses.replace(descriptor, platform=None, annotations=(("org.opencontainers.image.ref.name", name),))
        )
        document = {"schemaVersion": 2, "mediaType": OCI.index, "manifests": [each.document() for each in self._tagged]}
        (self.folder / "index.json").write_text(json.dumps(document))

    def _manifest(self, types: MediaTypes, config: Descriptor, layers: Sequence[Descriptor]) -> Descriptor:
        return self._json(
            types.manifest,
            {
                "schemaVersion": 2,
                "mediaType": types.manifest,
                "config": config.document(),
                "layers": [layer.document() for layer in layers],
            },
        )

    def _json(self, media_type: str, document: Mapping[str, Any]) -> Descriptor:
        return self._blob(media_type, json.dumps(document, separators=(",", ":")).encode())

    def _blob(self, media_type: str, data: bytes) -> Descriptor:
        digest = _digest(data)
        (self.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")).write_bytes(data)
        return Descriptor(media_type, digest, len(data))


@dataclasses.dataclass(frozen=True)
class PushedImage:
    """An image that a registry has."""

    name: str
    """As a pod names it: `127.0.0.1:5000/acme/web:1`."""
    digest: str
    """Of the document that the tag names: the index, or the manifest of an image without one."""
    manifests: Mapping[ImagePlatform, str]
    """The digest of each platform's own manifest, attestations left out."""


class Publisher:
    """Makes images and has regctl push them to one registry."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self.registry = registry
        self._folder = folder
        self._count = 0

    def push_index(
        self,
        name: str,
        *platforms: ImagePlatform | str,
        types: MediaTypes = OCI,
        attestations: bool = False,
    ) -> PushedImage:
        """Push an index of one image per platform as `name` (`acme/web:1`), if asked with BuildKit's attestations."""
        layout = self._layout()
        images = [layout.image(_platform(each), types) for each in platforms]
        proofs = [layout.attestation(each) for each in images] if attestations else []
        return self._push(layout, layout.index([*images, *proofs], types), name, images)

    def push_image(self, name: str, platform: ImagePlatform | str, types: MediaTypes = OCI) -> PushedImage:
        """Push one image without an index: its platform stands in its config only."""
        layout = self._layout()
        image = layout.image(_platform(platform), types)
        return self._push(layout, image, name, [image])

    def regctl(self, *arguments: str) -> str:
        """Run regctl against the registry and return what it prints; the user's own configuration is not read."""
        host = f"reg={self.registry.address},tls={'disabled' if self.registry.tls is None else 'insecure'}"
        if self.registry.asks_for_user:
            host += f",user={USER},pass={PASSWORD}"
        environment = {
            "PATH": os.defpath,
            "HOME": str(self._folder),
            "REGCTL_CONFIG": str(self._folder / "regctl.json"),
            "DOCKER_CONFIG": str(self._folder),
        }
        done = subprocess.run(
            [binary("regctl"), "--host", host, *arguments],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=_PUSH_SECONDS,
        )
        if done.returncode != 0:
            raise RuntimeError(f"regctl {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _push(self, layout: ImageLayout, top: Descriptor, name: str, images: Sequence[Descriptor]) -> PushedImage:
        layout.tag(top, "pushed")
        full_name = f"{self.registry.address}/{name}"
        self.regctl("image", "copy", f"ocidir://{layout.folder}:pushed", full_name)
        manifests = {image.platform: image.digest for image in images if image.platform is not None}
        return PushedImage(full_name, top.digest, manifests)

    def _layout(self) -> ImageLayout:
        self._count += 1
        return ImageLayout(self._folder / f"layout-{self._count}")


def _platform(given: ImagePlatform | str) -> ImagePlatform:
    return ImagePlatform.parse(given) if isinstance(given, str) else given


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _archive(path: str, content: bytes) -> bytes:
    """A tar with one file, whose bytes depend on nothing else."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(path)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
