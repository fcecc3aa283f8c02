"""What the server answers about itself: health, version, discovery, OpenAPI; and that its one user may do all."""

from __future__ import annotations

from aiohttp import web

from scheduler.sandbox.apiserver import discovery
from scheduler.sandbox.apiserver.answers import JSON, json_response
from scheduler.sandbox.apiserver.documents import Document, encode
from scheduler.sandbox.apiserver.schema import openapi
from scheduler.sandbox.apiserver.schema.decoding import parse_body
from scheduler.sandbox.apiserver.statuses import page_not_found
from scheduler.sandbox.apiserver.views.negotiation import accepted_types

_AGGREGATED = {"g": "apidiscovery.k8s.io", "v": "v2", "as": "APIGroupDiscoveryList"}
_AGGREGATED_TYPE = ";".join([JSON, *(f"{name}={value}" for name, value in _AGGREGATED.items())])


def about_itself(request: web.BaseRequest, body: bytes) -> web.Response:
    """The answer to a path that is no resource's. Raises StatusError."""
    parts = request.path.strip("/").split("/")
    accept = request.headers.get("Accept", "")
    match request.method, parts:
        case "GET", ["healthz" | "livez" | "readyz", *_]:
            return web.Response(text="ok")
        case "GET", ["version"]:
            return json_response(encode(discovery.VERSION))
        case "GET", ["api" | "apis" as root] if _wants_aggregated(accept):
            return json_response(encode(discovery.aggregated(core=root == "api")), content_type=_AGGREGATED_TYPE)
        case "GET", ["api" | "apis", *_]:
            return json_response(encode(_discovered(parts, request.host)))
        case "GET", ["openapi", *path]:
            return _openapi(path, accept)
        case "POST", ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"]:
            review = parse_body(body, request.headers.get("Content-Type", ""))
            return json_response(encode(_allowed(review)), 201)
        case _:
            raise page_not_found()


def _wants_aggregated(accept: str) -> bool:
    return any(_AGGREGATED.items() <= parameters.items() for _, parameters in accepted_types(accept))


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


def _openapi(path: list[str], accept: str) -> web.Response:
    match path:
        case ["v2"] if "protobuf" in accept:
            return json_response(openapi.V2_PROTOBUF, content_type=openapi.V2_PROTOBUF_TYPE)
        case ["v2"]:
            return json_response(openapi.V2_JSON)
        case ["v3"]:  # plain text, as the real one has it
            return json_response(encode(openapi.index()), content_type="text/plain; charset=utf-8")
        case ["v3", *rest]:
            return json_response(openapi.document("/".join(rest)))
        case _:
            raise page_not_found()


def _allowed(review: Document) -> Document:
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": review.get("spec") or {},
        "status": {"allowed": True},
    }
