"""One digest -> all that matters of it: the document, its config, and the children that must be opened.

Owns the walk and its limits. Which children need opening, and what the documents say, is `scheduler.images`; how they
are fetched is `registry`. An ordinary index costs one GET, a single image one more for its config.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scheduler.images.content import (
    ImageAnswer,
    ImageContent,
    IndexEntry,
    content_of,
    entries_to_open,
    openable,
    with_opened,
)
from scheduler.images.digest import is_digest
from scheduler.images.manifest import MalformedManifest, Manifest, parse_config, parse_manifest
from scheduler.images.platform import Platform
from scheduler.oci.credential import Credential
from scheduler.oci.endpoints import Endpoint
from scheduler.oci.errors import Malformed, RegistryError, TooLarge
from scheduler.oci.registry import Fetched, RegistryClient
from scheduler.oci.settings import RegistrySettings


@dataclass(frozen=True, slots=True)
class Source:
    """Where to read, and as whom."""

    endpoint: Endpoint
    credential: Credential


class ImageReader:
    """Reads images."""

    def __init__(self, client: RegistryClient, settings: RegistrySettings) -> None:
        self._client = client
        self._settings = settings

    async def read(self, source: Source, fetched: Fetched, known: Callable[[str], ImageContent | None]) -> ImageContent:
        """What there is to know of a fetched document. Raises RegistryError.

        ``known`` gives what is known of a child already, by its digest. A child that cannot be read is a failure of its
        entry only.
        """
        return await _Walk(self._client, self._settings, known, source).content(fetched, depth=1)


class _Walk:
    """One image being read: how many children were opened so far."""

    def __init__(
        self,
        client: RegistryClient,
        settings: RegistrySettings,
        known: Callable[[str], ImageContent | None],
        source: Source,
    ) -> None:
        self._client = client
        self._settings = settings
        self._known = known
        self._source = source
        self._opened = 0

    async def content(self, fetched: Fetched, depth: int) -> ImageContent:
        try:
            document = parse_manifest(fetched.body, fetched.content_type)
            platform = None
            if isinstance(document, Manifest) and document.is_image:
                platform = await self._platform(document)
        except MalformedManifest as error:
            raise self._malformed(str(error), fetched.digest) from None
        content = content_of(fetched.digest, document, platform)
        children: dict[str, ImageAnswer] = {}
        entries = openable(content) if self._settings.open_children else entries_to_open(content)
        for entry in {entry.digest: entry for entry in entries}.values():
            children[entry.digest] = await self._child(entry, depth + 1)
        return with_opened(content, children) if children else content

    async def _platform(self, manifest: Manifest) -> Platform:
        digest = manifest.config.digest
        if not is_digest(digest):
            raise MalformedManifest("its config has no usable digest")
        if manifest.config.size > self._settings.config_limit:
            raise self._too_large("has a config of more than", self._settings.config_limit, "bytes")
        return parse_config(await self._client.config(self._source.endpoint, digest, self._source.credential))

    async def _child(self, entry: IndexEntry, depth: int) -> ImageAnswer:
        known = self._known(entry.digest)
        if known is not None:
            return known
        try:
            if not is_digest(entry.digest):
                raise self._malformed("an entry of the index has no usable digest", entry.digest)
            if depth > self._settings.nesting:
                raise self._too_large("has indexes nested deeper than", self._settings.nesting, "levels")
            self._opened += 1
            if self._opened > self._settings.opened_children:
                raise self._too_large("has more than", self._settings.opened_children, "children to be read")
            endpoint, credential = self._source.endpoint, self._source.credential
            return await self.content(await self._client.manifest(endpoint, entry.digest, credential), depth)
        except RegistryError as error:
            return error.failure()

    def _malformed(self, problem: str, digest: str) -> Malformed:
        endpoint = self._source.endpoint
        at = f"@{digest}" if is_digest(digest) else ""
        return Malformed(endpoint.host, "served a document that is no image", f"{endpoint.repository}{at}", problem)

    def _too_large(self, what: str, limit: int, unit: str) -> TooLarge:
        endpoint = self._source.endpoint
        return TooLarge(endpoint.host, f"served an image that {what} {limit} {unit}", endpoint.repository)
