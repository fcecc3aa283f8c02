"""An embedded Kubernetes API server: the real protocol over HTTP, in this process, on loopback.

It owns its socket, who may come in, and the faults it was asked for; what it answers is in ``routes``. It keeps
everything in memory and runs no controllers: no namespaces come back to life, no Deployment makes pods, no budget
counts. Clients cannot tell it from a kube-apiserver on the paths that a scheduler and ``kubectl`` use.

    server = SandboxApiServer()
    await server.start()
    server.write_kubeconfig(path)      # connects kubectl, or the scheduler
    ...
    await server.stop()
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import secrets
import ssl
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from scheduler.sandbox.apiserver.answers import error_response
from scheduler.sandbox.apiserver.bodies import WriteOptions
from scheduler.sandbox.apiserver.documents import Document
from scheduler.sandbox.apiserver.faults import Fault, Faults
from scheduler.sandbox.apiserver.resources import RESOURCES, Resource
from scheduler.sandbox.apiserver.routes import Routes, is_watch
from scheduler.sandbox.apiserver.statuses import StatusError, anonymous_forbidden, unauthorized
from scheduler.sandbox.apiserver.store import Store
from scheduler.sandbox.apiserver.targets import Target, parse_target

LARGEST_BODY = 3 * 1024 * 1024  # bytes; the real server's limit of a request
_OPEN_TO_ALL = ("/healthz", "/livez", "/readyz", "/version")
_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_SYSTEM_CLASSES = (
    ("system-cluster-critical", 2_000_000_000, "for pods that the cluster needs, and that may move to another node"),
    ("system-node-critical", 2_000_001_000, "for pods that their node needs"),
)
_BY_KIND = {(resource.api_version, resource.kind): resource for resource in RESOURCES}


class SandboxApiServer:
    """One API server with its own empty cluster: the system's namespaces and priority classes, and nothing else.

    * ``anonymous``: let in whom carries no token. kubectl never sends a token over plain HTTP, so whoever wants to use
      kubectl without TLS must allow it. A wrong token is refused all the same.
    * ``window``: changes that each resource remembers for watches, at least.
    * ``bookmark_interval``: seconds between the bookmarks of a watch that asked for them.
    * ``ssl_context``, ``ca``: serve HTTPS, and the PEM text that the kubeconfig then carries.
    """

    def __init__(
        self,
        *,
        anonymous: bool = False,
        window: int = 20_000,
        bookmark_interval: float = 60.0,
        ssl_context: ssl.SSLContext | None = None,
        ca: str = "",
    ) -> None:
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        """How often what was asked: ``"POST pods/binding"``, ``"WATCH nodes"``, ``"GET /version"``."""
        self.token = secrets.token_urlsafe(24)
        self._anonymous = anonymous
        self._ssl = ssl_context
        self._ca = ca
        self._store = Store(window)
        self._routes = Routes(self._store, bookmark_interval=bookmark_interval)
        self._runner: web.ServerRunner | None = None
        self._url = ""
        self._create_system_objects()

    # Life

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        server = web.Server(
            self._serve,
            request_factory=_request,
            access_log=None,
            handler_cancellation=True,  # a watch whose client is gone ends at once instead of at its next line
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=self._ssl, backlog=512).start()
        address = self._runner.addresses[0]
        self._url = f"{'https' if self._ssl else 'http'}://{address[0]}:{address[1]}"

    async def stop(self) -> None:
        """End the watches, then close the socket and every connection. Does nothing when it is not running."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._routes.cut_watches()
            await runner.cleanup()

    async def __aenter__(self) -> SandboxApiServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # For its clients

    @property
    def url(self) -> str:
        return self._url

    def kubeconfig(self) -> dict[str, Any]:
        """What a client needs to connect."""
        cluster = {"server": self._url} | ({"certificate-authority-data": _base64(self._ca)} if self._ca else {})
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": cluster}],
            "users": [{"name": "sandbox", "user": {"token": self.token}}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}],
            "current-context": "sandbox",
        }

    def write_kubeconfig(self, path: Path) -> None:
        """As JSON, which is YAML too; readable by the owner only."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.kubeconfig(), indent=2) + "\n")

    # Past the protocol: for filling a cluster, for faults, and for what came of them

    @property
    def bindings(self) -> Sequence[tuple[str, str]]:
        """The pod (``namespace/name``) and the node of every binding that took effect, in order."""
        return self._routes.bindings

    def create(self, document: Document) -> Document:
        """Create an object with kind and apiVersion as a POST would, without the request. Raises StatusError."""
        resource = _resource_of(document)
        namespace = (document["metadata"].get("namespace") or "default") if resource.namespaced else ""
        options = WriteOptions(field_validation="Strict")
        stored = self._routes.writer.create(Target(resource, namespace), document, options)
        return stored.document

    def cut_watches(self) -> None:
        """Drop every open watch, as a lost connection does."""
        self._routes.cut_watches()

    def forget_history(self) -> None:
        """Make every resourceVersion given out so far too old to watch from."""
        self._store.forget_history()

    @property
    def revision(self) -> int:
        """The newest resourceVersion."""
        return self._store.revision

    # One request

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests[_label(request)] += 1
        try:
            self._authenticate(request)
            fault = self.faults.next_for(request.method, request.path, watch=is_watch(request))
            body = await _body(request)
            if fault is None:
                return await self._routes.answer(request, body)
            return await self._meet(fault, request, body)
        except StatusError as error:
            return error_response(error)

    async def _meet(self, fault: Fault, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        match fault.kind:
            case "refuse" if fault.error is not None:
                raise fault.error
            case "delay":
                await asyncio.sleep(fault.seconds)
                return await self._routes.answer(request, body)
            case "hang_up":
                await self._routes.answer(request, body)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _authenticate(self, request: web.BaseRequest) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if not hmac.compare_digest(token.strip().encode(), self.token.encode()):
                raise unauthorized()
        elif not self._anonymous and not request.path.startswith(_OPEN_TO_ALL):
            raise anonymous_forbidden(request.method, request.path)

    def _create_system_objects(self) -> None:
        for name in _NAMESPACES:
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for name, value, description in _SYSTEM_CLASSES:
            self.create(
                {
                    "apiVersion": "scheduling.k8s.io/v1",
                    "kind": "PriorityClass",
                    "metadata": {"name": name},
                    "value": value,
                    "description": description,
                }
            )


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    """As aiohttp makes it, with the API server's limit instead of aiohttp's 1 MiB."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=LARGEST_BODY)


def _resource_of(document: Document) -> Resource:
    resource = _BY_KIND.get((document.get("apiVersion", ""), document.get("kind", "")))
    if resource is None:
        raise ValueError(f"the sandbox serves no {document.get('apiVersion')} {document.get('kind')}")
    return resource


def _label(request: web.BaseRequest) -> str:
    try:
        target = str(parse_target(request.path))
    except StatusError:
        target = request.path
    return f"{'WATCH' if is_watch(request) else request.method} {target}"


async def _body(request: web.BaseRequest) -> bytes:
    if not request.body_exists:
        return b""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise StatusError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {LARGEST_BODY}") from None


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
