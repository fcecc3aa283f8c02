"""An OCI registry in this process, which speaks the protocol over HTTP.

Owns the reading half of the OCI distribution specification: manifests by tag and digest, blobs, tags, the catalog,
the `Accept` header, and the token or Basic conversation of `registry_access`. Images are pushed by method calls and
built by `registry_images`. The demo and the fast tests use it; tests count its requests and make it fail
(`registry_faults`).
"""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiohttp import web

from scheduler.images.digest import digest_of, is_digest
from scheduler.images.media_types import INDEXES
from scheduler.images.platform import Platform, parse_platform
from scheduler.sandbox.registry_access import Access, error_response
from scheduler.sandbox.registry_faults import Fault
from scheduler.sandbox.registry_images import Document, Entry, Image, attestation_for, build_image, build_index

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}
_ENDING = 0.2  # seconds that requests under way are given when the registry stops


@dataclass(slots=True)
class _Injected:
    fault: Fault
    kind: str | None
    repository: str | None
    times: int | None

    def applies(self, kind: str, repository: str) -> bool:
        return (
            self.times != 0
            and (self.kind is None or self.kind == kind)
            and (self.repository is None or self.repository == repository)
        )

    async def meet(self, request: web.Request) -> web.StreamResponse | None:
        """Let the fault act; a request that it let pass does not count."""
        passed = False
        try:
            answer = await self.fault(request)
            passed = answer is None
        finally:
            if self.times is not None and not passed:
                self.times -= 1
        return answer


class SandboxRegistry:
    """Repositories with manifests, tags and blobs, served from memory."""

    def __init__(self, access: Access | None = None) -> None:
        self.access = access
        self.requests: Counter[tuple[str, str, str]] = Counter()
        """(method, kind, repository) -> number; kinds are `manifest`, `blob`, `tags`, `token` and `api`."""
        self.address = ""
        """`host:port` while it runs."""
        self._manifests: dict[tuple[str, str], Document] = {}
        self._tags: dict[tuple[str, str], str] = {}
        self._blobs: dict[tuple[str, str], bytes] = {}
        self._faults: list[_Injected] = []
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """Listen; port 0 takes a free one."""
        runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=_ENDING, handler_cancellation=True
        )
        await runner.setup()
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
        self._runner = runner
        bound_host, bound_port = runner.addresses[0][:2]
        self.address = f"{bound_host}:{bound_port}"

    async def stop(self) -> None:
        """Stop listening and end what is under way. May be called twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def push_image(self, repository: str, tag: str | None, platform: Platform | str, *, docker: bool = False) -> str:
        """Put an image for one platform; the digest of its manifest."""
        image = build_image(_platform(platform), f"{repository}:{tag}", docker=docker)
        return self.push(repository, tag, image)

    def push_index(
        self,
        repository: str,
        tag: str | None,
        platforms: Iterable[Platform | str],
        *,
        docker: bool = False,
        attestations: bool = False,
    ) -> str:
        """Put an index with an image for each platform, as a multi-platform build makes it; the digest of the index."""
        entries: list[Entry] = []
        for platform in map(_platform, platforms):
            image = build_image(platform, f"{repository}:{tag}", docker=docker)
            self.push(repository, None, image)
            entries.append(Entry(image.manifest, platform))
        if attestations:
            for entry in tuple(entries):
                attestation, described = attestation_for(entry.document)
                self.push(repository, None, attestation)
                entries.append(described)
        return self.push_document(repository, tag, build_index(entries, docker=docker))

    def push(self, repository: str, tag: str | None, image: Image) -> str:
        """Put a manifest with its blobs; its digest."""
        for blob in image.blobs:
            self.push_blob(repository, blob)
        return self.push_document(repository, tag, image.manifest)

    def push_document(self, repository: str, tag: str | None, document: Document) -> str:
        """Put any bytes as a manifest or index; their digest."""
        self._manifests[repository, document.digest] = document
        if tag is not None:
            self._tags[repository, tag] = document.digest
        return document.digest

    def push_blob(self, repository: str, body: bytes) -> str:
        digest = digest_of(body)
        self._blobs[repository, digest] = body
        return digest

    def remove(self, repository: str, reference: str) -> None:
        """Take away a tag, or the manifest or blob of a digest."""
        for shelf in (self._tags, self._manifests, self._blobs):
            shelf.pop((repository, reference), None)

    def inject(
        self, fault: Fault, *, kind: str | None = None, repository: str | None = None, times: int | None = None
    ) -> None:
        """Let ``fault`` answer requests of a kind and repository (None: any), ``times`` times (None: from now on)."""
        self._faults.append(_Injected(fault, kind, repository, times))

    def heal(self) -> None:
        """Take all faults away."""
        self._faults.clear()

    def count(self, method: str, kind: str, repository: str | None = None) -> int:
        """How many requests came."""
        return sum(
            number
            for (seen_method, seen_kind, seen_repository), number in self.requests.items()
            if (seen_method, seen_kind) == (method, kind) and repository in (None, seen_repository)
        )

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._counted])
        application.add_routes(
            [
                web.get("/v2/", self._api),
                web.get("/v2/_catalog", self._catalog),
                web.get("/v2/{repository:.+}/manifests/{reference}", self._manifest),
                web.get("/v2/{repository:.+}/blobs/{reference}", self._blob),
                web.get("/v2/{repository:.+}/tags/list", self._tag_list),
                web.get("/token", self._token),
                web.post("/token", self._token),
            ]
        )
        return application

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        repository = request.match_info.get("repository", "")
        kind = _kind(request.path)
        self.requests[request.method, kind, repository] += 1
        for injected in self._faults:
            if not injected.applies(kind, repository):
                continue
            answer = await injected.meet(request)
            if answer is not None:
                return answer
        if repository and self.access is not None:
            refusal = self.access.refusal(request, repository)
            if refusal is not None:
                return refusal
        return await handler(request)

    async def _api(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({}, headers=_VERSION)

    async def _catalog(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"repositories": sorted({repository for repository, _ in self._manifests})})

    async def _tag_list(self, request: web.Request) -> web.StreamResponse:
        repository = request.match_info["repository"]
        tags = sorted(tag for owner, tag in self._tags if owner == repository)
        if not tags:
            return error_response(404, "NAME_UNKNOWN", "repository name not known to registry")
        return web.json_response({"name": repository, "tags": tags})

    async def _manifest(self, request: web.Request) -> web.StreamResponse:
        repository, reference = request.match_info["repository"], request.match_info["reference"]
        digest = reference if is_digest(reference) else self._tags.get((repository, reference), "")
        document = self._manifests.get((repository, digest))
        if document is None:
            return error_response(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if not _accepts(request, document.media_type):
            message = f"the manifest is of type {document.media_type}, which the Accept header does not name"
            return error_response(404, "MANIFEST_UNKNOWN", message)
        return web.Response(body=document.body, headers=_content_headers(document.media_type, digest))

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        digest = request.match_info["reference"]
        blob = self._blobs.get((request.match_info["repository"], digest))
        if blob is None:
            return error_response(404, "BLOB_UNKNOWN", "blob unknown to registry")
        return web.Response(body=blob, headers=_content_headers("application/octet-stream", digest))

    async def _token(self, request: web.Request) -> web.StreamResponse:
        if self.access is None:
            raise web.HTTPNotFound
        return await self.access.issue(request)


def _platform(platform: Platform | str) -> Platform:
    return parse_platform(platform) if isinstance(platform, str) else platform


def _kind(path: str) -> str:
    if path == "/token":
        return "token"
    for part, kind in (("/manifests/", "manifest"), ("/blobs/", "blob"), ("/tags/", "tags")):
        if part in path:
            return kind
    return "api"


def _accepts(request: web.Request, media_type: str) -> bool:
    """As distribution v3: an index must be asked for by its type; image manifests are what everyone understands."""
    accepted = {part.partition(";")[0].strip() for part in ",".join(request.headers.getall("Accept", [])).split(",")}
    return media_type not in INDEXES or media_type in accepted or "*/*" in accepted


def _content_headers(media_type: str, digest: str) -> dict[str, str]:
    return {**_VERSION, "Content-Type": media_type, "Docker-Content-Digest": digest, "ETag": f'"{digest}"'}
