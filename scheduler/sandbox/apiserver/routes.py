"""HTTP requests to what the server does for them, and back: the only file that knows verbs, paths and headers.

    path under /api, /apis  -> ``targets``   -> reading, watching, writes, pod_actions -> ``negotiation``
    everything else         -> discovery, openapi, health

Raises nothing: every StatusError becomes its Status object. Connections, authentication and faults on demand are in
``api_server``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from scheduler.sandbox.apiserver import discovery
from scheduler.sandbox.apiserver.bodies import WriteOptions, parse_delete_options, parse_write_options
from scheduler.sandbox.apiserver.documents import Document, encode
from scheduler.sandbox.apiserver.reading import is_true, list_page, parse_list_options
from scheduler.sandbox.apiserver.rules.pod_actions import bind, evict
from scheduler.sandbox.apiserver.schema import openapi
from scheduler.sandbox.apiserver.schema.decoding import parse_body
from scheduler.sandbox.apiserver.statuses import StatusError, method_not_allowed, page_not_found, success
from scheduler.sandbox.apiserver.store import Store
from scheduler.sandbox.apiserver.targets import Target, parse_target
from scheduler.sandbox.apiserver.views.negotiation import accepted_types, negotiate
from scheduler.sandbox.apiserver.watching import Watch
from scheduler.sandbox.apiserver.writes import Writer

JSON = "application/json"
_ACTIONS = {"binding": bind, "eviction": evict}


class Routes:
    """Answers requests from one store."""

    def __init__(self, store: Store, *, bookmark_interval: float) -> None:
        self._store = store
        self._writer = Writer(store)
        self._bookmark_interval = bookmark_interval
        self._watches: set[Watch] = set()

    def cut_watches(self) -> None:
        """End every watch that is open."""
        for watch in self._watches:
            watch.cut()

    async def answer(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        """The answer to a request that may be answered. Raises StatusError."""
        path = request.path
        if path.startswith(("/api/v1/", "/apis/")) and (target := _target(path)) is not None:
            return await self._resource(request, target, body)
        return self._about_itself(request, body)

    # Resources

    async def _resource(self, request: web.BaseRequest, target: Target, body: bytes) -> web.StreamResponse:
        match request.method:
            case "GET" if is_watch(request) and not target.name:
                return await self._watch(request, target)
            case "GET" if target.name and target.subresource not in _ACTIONS:
                return self._get(request, target)
            case "GET" if not target.name:
                return self._list(request, target)
            case "POST" if target.subresource in _ACTIONS:
                return self._act(request, target, body)
            case "POST" if not target.name and (target.namespace or not target.resource.namespaced):
                return self._create(request, target, body)
            case "PUT" if target.name and target.subresource not in _ACTIONS:
                return self._update(request, target, body)
            case "PATCH" if target.name and target.subresource not in _ACTIONS:
                return self._patch(request, target, body)
            case "DELETE" if target.name and not target.subresource:
                return self._delete(request, target, body)
            case "DELETE" if not target.name:
                return self._delete_collection(request, target, body)
            case method:
                raise method_not_allowed(method)

    def _get(self, request: web.BaseRequest, target: Target) -> web.Response:
        representation = negotiate(request.headers.get("Accept", ""), target.resource, request.query)
        stored = self._writer.current(target.resource, target.namespace, target.name)
        return _json(representation.one(stored))

    def _list(self, request: web.BaseRequest, target: Target) -> web.Response:
        representation = negotiate(request.headers.get("Accept", ""), target.resource, request.query)
        options = parse_list_options(
            request.query, target.resource, namespace=target.namespace, name=target.name, watch=False
        )
        page = list_page(self._store, target.resource, options)
        return _json(representation.many(page.found, page.metadata))

    async def _watch(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        representation = negotiate(request.headers.get("Accept", ""), target.resource, request.query)
        options = parse_list_options(
            request.query, target.resource, namespace=target.namespace, name=target.name, watch=True
        )
        watch = Watch(self._store, target.resource, options, representation, bookmark_interval=self._bookmark_interval)
        response = web.StreamResponse(headers={"Content-Type": JSON, "Cache-Control": "no-cache, private"})
        response.enable_chunked_encoding()
        self._watches.add(watch)
        try:
            await response.prepare(request)
            async for chunk in watch.lines():
                await response.write(chunk)
            await response.write_eof()
        finally:
            self._watches.discard(watch)
        return response

    def _create(self, request: web.BaseRequest, target: Target, body: bytes) -> web.Response:
        representation = negotiate(request.headers.get("Accept", ""), target.resource, request.query)
        value = parse_body(body, _content_type(request))
        with _write_options(request) as options:
            stored = self._writer.create(target.resource, target.namespace, value, options)
        return _json(representation.one(stored), 201, options.warnings)

    def _update(self, request: web.BaseRequest, target: Target, body: bytes) -> web.Response:
        representation = negotiate(request.headers.get("Accept", ""), target.resource, request.query)
        value = parse_body(body, _content_type(request))
        with _write_options(request) as options:
            stored = self._writer.update(
                target.resource, target.namespace, target.name, target.subresource, value, options
            )
        return _json(representation.one(stored), 200, options.warnings)

    def _patch(self, request: web.BaseRequest, target: Target, body: bytes) -> web.Response:
        representation = negotiate(request.headers.get("Accept", ""), target.resource, request.query)
        content_type = _content_type(request)
        with _write_options(request) as options:
            stored, created = self._writer.patch(
                target.resource, target.namespace, target.name, target.subresource, body, content_type, options
            )
        return _json(representation.one(stored), 201 if created else 200, options.warnings)

    def _act(self, request: web.BaseRequest, target: Target, body: bytes) -> web.Response:
        _ACTIONS[target.subresource](
            self._writer,
            target.namespace,
            target.name,
            parse_body(body, _content_type(request)),
            parse_write_options(request.query),
        )
        return _json(encode(success() | {"code": 201}), 201)

    def _delete(self, request: web.BaseRequest, target: Target, body: bytes) -> web.Response:
        options = parse_delete_options(request.query, body, _content_type(request))
        stored, gone = self._writer.delete(target.resource, target.namespace, target.name, options)
        if gone and target.resource.kind != "Pod":
            group = {"group": target.resource.group} if target.resource.group else {}
            uid = stored.document["metadata"]["uid"]
            return _json(encode(success(name=target.name, **group, kind=target.resource.plural, uid=uid)))
        return _json(negotiate(request.headers.get("Accept", ""), target.resource, request.query).one(stored))

    def _delete_collection(self, request: web.BaseRequest, target: Target, body: bytes) -> web.Response:
        representation = negotiate(request.headers.get("Accept", ""), target.resource, request.query)
        options = parse_list_options(request.query, target.resource, namespace=target.namespace, name="", watch=False)
        page = list_page(self._store, target.resource, options)
        delete_options = parse_delete_options(request.query, body, _content_type(request))
        for stored in page.found:
            metadata = stored.document["metadata"]
            self._writer.delete(target.resource, metadata.get("namespace", ""), metadata["name"], delete_options)
        return _json(representation.many(page.found, page.metadata))

    # What the server says about itself

    def _about_itself(self, request: web.BaseRequest, body: bytes) -> web.Response:
        parts = request.path.strip("/").split("/")
        aggregated = any(
            parameters.get("as") == "APIGroupDiscoveryList" and parameters.get("v") == "v2"
            for _, parameters in accepted_types(request.headers.get("Accept", ""))
        )
        match request.method, parts:
            case "GET", ["healthz" | "livez" | "readyz", *_]:
                return web.Response(text="ok")
            case "GET", ["version"]:
                return _json(encode(discovery.VERSION))
            case "GET", ["api" | "apis" as root] if aggregated:
                content_type = f"{JSON};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
                return _json(encode(discovery.aggregated(core=root == "api")), content_type=content_type)
            case "GET", ["api" | "apis", *_]:
                return _json(encode(_discovered(parts, request.host)))
            case "GET", ["openapi", "v3"]:
                return _json(encode(openapi.index()), content_type="text/plain; charset=utf-8")  # as the real one does
            case "GET", ["openapi", "v3", *path]:
                return _json(openapi.document("/".join(path)))
            case "POST", ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"]:
                return _json(encode(_allowed(parse_body(body, _content_type(request)))), 201)
            case _:
                raise page_not_found()


def _discovered(parts: list[str], host: str) -> Document:
    match parts:
        case ["api"]:
            return discovery.core_versions(host)
        case ["apis"]:
            return discovery.group_list()
        case ["apis", group]:
            return discovery.group(group)
        case ["api", version]:
            return discovery.resource_list("", version)
        case ["apis", group, version]:
            return discovery.resource_list(group, version)
        case _:
            raise page_not_found()


@contextmanager
def _write_options(request: web.BaseRequest) -> Iterator[WriteOptions]:
    """The options of a write. An error that the write ends in takes the warnings along."""
    options = parse_write_options(request.query)
    try:
        yield options
    except StatusError as error:
        error.warnings += options.warnings
        raise


def is_watch(request: web.BaseRequest) -> bool:
    """``?watch``, ``?watch=1`` and ``?watch=true`` all ask for one."""
    value = request.query.get("watch")
    return value is not None and (value == "" or is_true(value))


def _content_type(request: web.BaseRequest) -> str:
    return request.headers.get("Content-Type", "")


def _target(path: str) -> Target | None:
    """None where the path is discovery's."""
    if path.startswith("/apis/") and path.strip("/").count("/") < 3:
        return None
    if path.startswith("/apis/authorization.k8s.io/"):
        return None
    return parse_target(path)


def _allowed(review: Document) -> Document:
    """The sandbox has one user, who may do everything."""
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": review.get("spec") or {},
        "status": {"allowed": True},
    }


def error_response(error: StatusError) -> web.Response:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.code == 401:
        headers["WWW-Authenticate"] = 'Basic realm="kubernetes"'
    if error.plain:
        return web.Response(text=str(error), status=error.code, headers=headers)
    response = web.Response(body=encode(error.status()), status=error.code, content_type=JSON, headers=headers)
    return _with_warnings(response, error.warnings)


def _json(body: bytes, status: int = 200, warnings: list[str] | None = None, content_type: str = JSON) -> web.Response:
    response = web.Response(body=body, status=status)
    response.headers["Content-Type"] = content_type
    response.headers["Cache-Control"] = "no-cache, private"
    return _with_warnings(response, warnings or [])


def _with_warnings(response: web.Response, warnings: list[str]) -> web.Response:
    for warning in warnings:
        response.headers.add("Warning", f"299 - {encode(warning).decode()}")
    return response
