"""What the server says about itself: its version; groups and resources, in the old and in the aggregated form."""

from __future__ import annotations

from itertools import groupby

from scheduler.sandbox.apiserver.documents import Document
from scheduler.sandbox.apiserver.resources import RESOURCES, Resource
from scheduler.sandbox.apiserver.statuses import page_not_found

VERSION: Document = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.2-sandbox",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "sandbox/python",
}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_STATUS_VERBS = ["get", "patch", "update"]
_REVIEWS = {"authorization.k8s.io": ("SelfSubjectAccessReview", "selfsubjectaccessreviews")}


def core_versions(address: str) -> Document:
    """``/api``."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def group_list() -> Document:
    """``/apis``."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in group_names()]}


def group(name: str) -> Document:
    """``/apis/<group>``. Raises StatusError (404)."""
    if name not in group_names():
        raise page_not_found()
    return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name)


def resource_list(group_name: str, version: str) -> Document:
    """``/api/v1`` and ``/apis/<group>/<version>``. Raises StatusError (404)."""
    served = [r for r in RESOURCES if (r.group, r.version) == (group_name, version)]
    review = _REVIEWS.get(group_name)
    if version != "v1" or not (served or review):
        raise page_not_found()
    resources = [entry for resource in served for entry in _entries(resource)]
    if review:
        resources.append(_entry(review[1], review[0], namespaced=False, verbs=["create"]))
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group_name}/{version}" if group_name else version,
        "resources": resources,
    }


def aggregated(*, core: bool) -> Document:
    """``/api`` or ``/apis`` as an ``APIGroupDiscoveryList``: everything in one answer."""
    names = [""] if core else group_names()
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": name} if name else {},
                "versions": [{"version": "v1", "freshness": "Current", "resources": _aggregated_resources(name)}],
            }
            for name in names
        ],
    }


def group_names() -> list[str]:
    """All groups but the core's, in order."""
    named = [name for name, _ in groupby(sorted(r.group for r in RESOURCES if r.group))]
    return sorted([*named, *_REVIEWS])


def _group(name: str) -> Document:
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _entry(name: str, kind: str, *, namespaced: bool, verbs: list[str]) -> Document:
    return {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": verbs}


def _entries(resource: Resource) -> list[Document]:
    entry = _entry(resource.plural, resource.kind, namespaced=resource.namespaced, verbs=_VERBS)
    entry["singularName"] = resource.singular
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    connections = [
        _entry(f"{resource.plural}/{name}", kind, namespaced=resource.namespaced, verbs=["create"])
        | ({"group": "policy", "version": "v1"} if kind == "Eviction" else {})
        for name, kind in resource.connections.items()
    ]
    status = [_entry(f"{resource.plural}/status", resource.kind, namespaced=resource.namespaced, verbs=_STATUS_VERBS)]
    return [entry, *connections, *(status if resource.status else [])]


def _aggregated_resources(group_name: str) -> list[Document]:
    """A kind's group and version are empty where they are those around it."""
    entries = resource_list(group_name, "v1")["resources"]
    resources: list[Document] = []
    for entry in entries:
        plural, _, subresource = entry["name"].partition("/")
        kind = {"group": entry.get("group", ""), "version": entry.get("version", ""), "kind": entry["kind"]}
        if subresource:
            resources[-1].setdefault("subresources", []).append(
                {"subresource": subresource, "responseKind": kind, "verbs": entry["verbs"]}
            )
            continue
        resources.append(
            {
                "resource": plural,
                "responseKind": kind,
                "scope": "Namespaced" if entry["namespaced"] else "Cluster",
                "singularResource": entry["singularName"],
                "verbs": entry["verbs"],
                **{field: entry[field] for field in ("shortNames", "categories") if field in entry},
            }
        )
    return resources
