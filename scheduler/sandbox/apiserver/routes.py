"""HTTP requests about resources: verbs, paths and headers on one side, what is done for them on the other.

    GET            reading, watching
    POST PUT PATCH writes; binding and eviction: rules.pod_actions
    DELETE         deletions

What the client gets to see is made by a view (``views.negotiation``). Paths that are no resource's are ``about``'s.
Connections, authentication and faults on demand are in ``api_server``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aiohttp import web

from scheduler.sandbox.apiserver.about import about_itself
from scheduler.sandbox.apiserver.answers import JSON, json_response
from scheduler.sandbox.apiserver.bodies import WriteOptions, parse_delete_options, parse_write_options
from scheduler.sandbox.apiserver.deletions import Deletions
from scheduler.sandbox.apiserver.documents import encode
from scheduler.sandbox.apiserver.preconditions import current
from scheduler.sandbox.apiserver.reading import ListOptions, is_true, list_page, parse_list_options
from scheduler.sandbox.apiserver.rules.pod_actions import bind, eviction_options
from scheduler.sandbox.apiserver.schema.decoding import parse_body
from scheduler.sandbox.apiserver.statuses import StatusError, method_not_allowed, success
from scheduler.sandbox.apiserver.store import Store
from scheduler.sandbox.apiserver.targets import Target, parse_target
from scheduler.sandbox.apiserver.views.negotiation import negotiate
from scheduler.sandbox.apiserver.views.representations import Representation
from scheduler.sandbox.apiserver.watching import Watch
from scheduler.sandbox.apiserver.writes import Writer

_ACTIONS = ("binding", "eviction")


class Routes:
    """Answers requests from one store."""

    def __init__(self, store: Store, *, bookmark_interval: float) -> None:
        self._store = store
        self._deletions = Deletions(store)
        self.writer = Writer(store, self._deletions)
        self._bookmark_interval = bookmark_interval
        self._watches: set[Watch] = set()
        self.bindings: list[tuple[str, str]] = []
        """(``namespace/name``, node) of every binding that took effect."""

    def cut_watches(self) -> None:
        """End every watch that is open."""
        for watch in self._watches:
            watch.cut()

    async def answer(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        """The answer to a request that may be answered. Raises StatusError."""
        if (target := _target(request.path)) is None:
            return about_itself(request, body)
        match request.method:
            case "GET" if target.subresource not in _ACTIONS:
                return await self._read(request, target)
            case "POST" | "PUT" | "PATCH":
                return self._write(request, target, body)
            case "DELETE" if target.name and not target.subresource:
                return self._delete(request, target, body)
            case "DELETE" if not target.name:
                return self._delete_collection(request, target, body)
            case method:
                raise method_not_allowed(method)

    # Reading

    async def _read(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        view = _view(request, target)
        if target.name:
            return json_response(view.one(current(self._store, target)))
        options = _list_options(request, target)
        if is_watch(request):
            return await self._watch(request, target, view, options)
        page = list_page(self._store, target.resource, options)
        return json_response(view.many(page.found, page.metadata))

    async def _watch(
        self, request: web.BaseRequest, target: Target, view: Representation, options: ListOptions
    ) -> web.StreamResponse:
        watch = Watch(self._store, target.resource, options, view, bookmark_interval=self._bookmark_interval)
        response = web.StreamResponse(headers={"Content-Type": JSON, "Cache-Control": "no-cache, private"})
        response.enable_chunked_encoding()
        self._watches.add(watch)
        with suppress(ConnectionResetError):  # the client has gone, which is how most watches end
            try:
                await response.prepare(request)
                async for chunk in watch.lines():
                    await response.write(chunk)
                await response.write_eof()
            finally:
                self._watches.discard(watch)
        return response

    # Writing

    def _write(self, request: web.BaseRequest, target: Target, body: bytes) -> web.Response:
        with _write_options(request) as options:
            match request.method:
                case "POST" if target.subresource in _ACTIONS:
                    return self._act(request, target, body, options)
                case "POST" if not target.name and (target.namespace or not target.resource.namespaced):
                    view = _view(request, target)
                    stored = self.writer.create(target, _value(request, body), options)
                    return json_response(view.one(stored), 201, options.warnings)
                case "PUT" if target.name and target.subresource not in _ACTIONS:
                    view = _view(request, target)
                    stored = self.writer.update(target, _value(request, body), options)
                    return json_response(view.one(stored), 200, options.warnings)
                case "PATCH" if target.name and target.subresource not in _ACTIONS:
                    view = _view(request, target)
                    stored, created = self.writer.patch(target, body, _content_type(request), options)
                    return json_response(view.one(stored), 201 if created else 200, options.warnings)
                case method:
                    raise method_not_allowed(method)

    def _act(self, request: web.BaseRequest, target: Target, body: bytes, options: WriteOptions) -> web.Response:
        value = _value(request, body)
        if target.subresource == "binding":
            node = bind(self.writer, current(self._store, target), value, options)
            if not options.dry_run:
                self.bindings.append((f"{target.namespace}/{target.name}", node))
        else:
            self._deletions.delete(target, eviction_options(value, options))
        return json_response(encode(success() | {"code": 201}), 201)

    # Deleting

    def _delete(self, request: web.BaseRequest, target: Target, body: bytes) -> web.Response:
        view = _view(request, target)
        options = parse_delete_options(request.query, body, _content_type(request))
        stored, gone = self._deletions.delete(target, options)
        if not gone or target.resource.kind == "Pod":
            return json_response(view.one(stored))
        group = {"group": target.resource.group} if target.resource.group else {}
        uid = stored.document["metadata"]["uid"]
        return json_response(encode(success(name=target.name, **group, kind=target.resource.plural, uid=uid)))

    def _delete_collection(self, request: web.BaseRequest, target: Target, body: bytes) -> web.Response:
        view = _view(request, target)
        options = parse_delete_options(request.query, body, _content_type(request))
        page = list_page(self._store, target.resource, _list_options(request, target))
        for stored in page.found:
            metadata = stored.document["metadata"]
            self._deletions.delete(Target(target.resource, metadata.get("namespace", ""), metadata["name"]), options)
        return json_response(view.many(page.found, page.metadata))


def is_watch(request: web.BaseRequest) -> bool:
    """``?watch``, ``?watch=1`` and ``?watch=true`` all ask for one."""
    value = request.query.get("watch")
    return value is not None and (value == "" or is_true(value))


def _target(path: str) -> Target | None:
    """None where the path is not a resource's. Raises StatusError (404) where it should be one."""
    if path.startswith("/api/v1/"):
        return parse_target(path)
    is_resource = path.startswith("/apis/") and path.strip("/").count("/") > 2
    return parse_target(path) if is_resource and not path.startswith("/apis/authorization.k8s.io/") else None


def _view(request: web.BaseRequest, target: Target) -> Representation:
    return negotiate(request.headers.get("Accept", ""), target.resource, request.query)


def _list_options(request: web.BaseRequest, target: Target) -> ListOptions:
    watch = request.method == "GET" and is_watch(request)
    return parse_list_options(request.query, target.resource, namespace=target.namespace, watch=watch)


def _content_type(request: web.BaseRequest) -> str:
    return request.headers.get("Content-Type", "")


def _value(request: web.BaseRequest, body: bytes) -> object:
    return parse_body(body, _content_type(request))


@contextmanager
def _write_options(request: web.BaseRequest) -> Iterator[WriteOptions]:
    """The options of a write. An error that the write ends in takes the warnings along."""
    options = parse_write_options(request.query)
    try:
        yield options
    except StatusError as error:
        error.warnings += options.warnings
        raise
