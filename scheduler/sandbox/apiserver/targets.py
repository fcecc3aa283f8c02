"""What a URL's path names: a resource, perhaps a namespace, an object, a subresource of it."""

from __future__ import annotations

import msgspec

from scheduler.sandbox.apiserver.resources import RESOURCES, Resource, find_resource
from scheduler.sandbox.apiserver.statuses import no_such_path, page_not_found


class Target(msgspec.Struct, frozen=True):
    resource: Resource
    namespace: str = ""
    """Empty for a cluster's resource, and for a list over all namespaces."""
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> str:
        """Where the object is in its collection."""
        return f"{self.namespace}/{self.name}" if self.resource.namespaced else self.name

    def named(self, name: str) -> Target:
        """The object of that name in the same place."""
        return Target(self.resource, self.namespace, name)

    def __str__(self) -> str:
        return f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural


def parse_target(path: str) -> Target:
    """Raises StatusError (404) for a path that no resource is served at."""
    group, version, parts = _split(path)
    namespace = ""
    # /namespaces/{name} and its subresources are the resource itself; anything deeper is inside the namespace.
    if len(parts) > 2 and parts[0] == "namespaces" and find_resource(group, version, parts[2]):
        namespace, parts = parts[1], parts[2:]
    if not 1 <= len(parts) <= 3:
        raise no_such_path()
    plural, name, subresource = (*parts, "", "")[:3]
    if not any((known.group, known.version) == (group, version) for known in RESOURCES):
        raise page_not_found()
    resource = find_resource(group, version, plural)
    if resource is None or (namespace and not resource.namespaced) or (name and resource.namespaced and not namespace):
        raise no_such_path()
    if subresource and subresource not in subresources_of(resource):
        raise no_such_path()
    return Target(resource, namespace, name, subresource)


def subresources_of(resource: Resource) -> tuple[str, ...]:
    return (*resource.connections, *(("status",) if resource.status else ()))


def _split(path: str) -> tuple[str, str, list[str]]:
    match path.strip("/").split("/"):
        case ["api", "v1", *parts]:
            return "", "v1", parts
        case ["apis", group, version, *parts]:
            return group, version, parts
        case _:
            raise page_not_found()
