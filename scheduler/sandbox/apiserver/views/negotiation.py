"""Which representation a request's Accept header asks for."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.statuses import not_acceptable
from scheduler.sandbox.apiserver.views.representations import MetadataOnly, Representation, WholeObject
from scheduler.sandbox.apiserver.views.tables import Table

_JSON = {"application/json", "application/*", "*/*"}


def accepted_types(accept: str) -> list[tuple[str, dict[str, str]]]:
    """Media types with their parameters, in the order of the header. Weights are not looked at; kubectl sends none."""
    types = []
    for part in (accept or "*/*").split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        types.append((media_type.lower(), dict(parameter.partition("=")[::2] for parameter in parameters)))
    return types


def negotiate(accept: str, resource: Resource, query: Mapping[str, str]) -> Representation:
    """The first that can be served. Raises StatusError (406)."""
    for media_type, parameters in accepted_types(accept):
        if media_type not in _JSON:
            continue
        form, version = parameters.get("as", ""), parameters.get("v", "v1")
        if not form:
            return WholeObject(resource)
        if parameters.get("g") != "meta.k8s.io" or version != "v1":
            continue
        if form == "Table":
            return Table(resource, query.get("includeObject", ""))
        if form in {"PartialObjectMetadata", "PartialObjectMetadataList"}:
            return MetadataOnly()
    raise not_acceptable(accept)
