"""A small asynchronous client of the API server for tests: manifests in, JSON out, and waiting with a deadline.

Written apart from `scheduler.kube` on purpose: what the tests observe must not pass through the code under test. It
finds the path of a manifest by asking the API server's discovery, so any kind can be created or applied.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from tests.cluster.access import Access

T = TypeVar("T")
Object = dict[str, Any]

_POLL_SECONDS = 0.05


class ApiFailure(Exception):
    """The API server refused; `status` is the HTTP code, `reason` the Status object's."""

    def __init__(self, what: str, status: int, reason: str, message: str) -> None:
        super().__init__(f"{what}: {status} {reason}: {message}")
        self.status = status
        self.reason = reason


class _Resource(NamedTuple):
    plural: str
    namespaced: bool


class KubeClient:
    """Requests as the user of `access`; an asynchronous context manager."""

    def __init__(self, access: Access, *, connections: int = 32) -> None:
        self._server = access.server
        self._headers = {"Authorization": f"Bearer {access.token}"}
        self._tls = ssl.create_default_context(cafile=access.ca_file)
        self._connections = connections
        self._resources: dict[str, dict[str, _Resource]] = {}

    async def __aenter__(self) -> Self:
        # No limit on the total: thousands of creations wait their turn for a connection.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, ssl=self._tls),
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def request(
        self, method: str, path: str, body: object = None, media_type: str = "application/json", **query: str
    ) -> Object:
        """One request; its JSON answer. ApiFailure when the status is 400 or higher."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": media_type}
        async with self._session.request(
            method, self._server + path, data=data, headers=headers, params=query
        ) as reply:
            text = await reply.text()
            answer: Object = json.loads(text) if text.startswith("{") else {"message": text}
            if reply.status >= 400:
                raise ApiFailure(
                    f"{method} {path}", reply.status, answer.get("reason", ""), answer.get("message", text)
                )
            return answer

    async def path(self, api_version: str, kind: str, namespace: str | None = None, name: str | None = None) -> str:
        """URL path of a kind's collection, or of one object."""
        root = f"/api/{api_version}" if api_version == "v1" else f"/apis/{api_version}"
        if kind not in self._resources.get(root, {}):
            found = await self.request("GET", root)
            # Subresources have a slash in their name and the kind of another resource.
            self._resources[root] = {
                each["kind"]: _Resource(each["name"], each["namespaced"])
                for each in found["resources"]
                if "/" not in each["name"]
            }
        try:
            resource = self._resources[root][kind]
        except KeyError:
            raise LookupError(f"the API server has no {kind} in {api_version}") from None
        scope = f"/namespaces/{namespace or 'default'}" if resource.namespaced else ""
        return f"{root}{scope}/{resource.plural}" + (f"/{name}" if name else "")

    async def create(self, manifest: Object, namespace: str | None = None) -> Object:
        """Create one object; the manifest's own namespace wins over `namespace`."""
        return await self.request("POST", await self._home(manifest, namespace), manifest)

    async def create_all(self, manifests: Iterable[Object], namespace: str | None = None) -> list[Object]:
        """Create many at once, as fast as the connections allow; the answers in the order of the manifests."""
        return await asyncio.gather(*(self.create(manifest, namespace) for manifest in manifests))

    async def apply(self, manifest: Object, namespace: str | None = None) -> Object:
        """Create or update by server-side apply, as `kubectl apply --server-side` does."""
        path = f"{await self._home(manifest, namespace)}/{manifest['metadata']['name']}"
        media_type = "application/apply-patch+yaml"
        return await self.request("PATCH", path, manifest, media_type, fieldManager="tests", force="true")

    async def get(self, kind: str, name: str, namespace: str | None = None, api_version: str = "v1") -> Object:
        return await self.request("GET", await self.path(api_version, kind, namespace, name))

    async def list(
        self, kind: str, namespace: str | None = None, api_version: str = "v1", **query: str
    ) -> list[Object]:
        """All objects of a kind in one namespace (of all nodes, for a kind without); selectors as query arguments."""
        answer = await self.request("GET", await self.path(api_version, kind, namespace), **query)
        items: list[Object] = answer["items"]
        return items

    async def delete(self, kind: str, name: str, namespace: str | None = None, api_version: str = "v1") -> None:
        await self.request("DELETE", await self.path(api_version, kind, namespace, name))

    async def patch(
        self, kind: str, name: str, change: Mapping[str, Any], namespace: str | None = None, api_version: str = "v1"
    ) -> Object:
        """Change an object by a JSON merge patch."""
        path = await self.path(api_version, kind, namespace, name)
        return await self.request("PATCH", path, change, "application/merge-patch+json")

    async def bind(self, name: str, node: str, namespace: str | None = None) -> None:
        """Bind a pod to a node by hand, as a scheduler does."""
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
        await self.request("POST", f"{await self.path('v1', 'Pod', namespace, name)}/binding", binding)

    async def service_account_token(self, name: str, namespace: str | None = None) -> str:
        """A token of a ServiceAccount, by TokenRequest, good for an hour."""
        path = f"{await self.path('v1', 'ServiceAccount', namespace, name)}/token"
        wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        answer = await self.request("POST", path, wanted)
        token: str = answer["status"]["token"]
        return token

    async def _home(self, manifest: Object, namespace: str | None) -> str:
        own = manifest["metadata"].get("namespace", namespace)
        return await self.path(manifest["apiVersion"], manifest["kind"], own)


async def eventually(what: str, condition: Callable[[], Awaitable[T | None]], seconds: float = 15.0) -> T:
    """Ask `condition` until its answer is true, and return that; TimeoutError with `what` and the last answer else."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"not after {seconds:.0f} s: {what} (last answer: {answer!r})")
        await asyncio.sleep(_POLL_SECONDS)
