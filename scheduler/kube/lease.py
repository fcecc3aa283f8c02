"""The Lease by which several schedulers agree who of them works: its shape, and the requests that read and change it.

Owns nothing of the agreement, which is in ``election``. A change names the version of the lease that it is made from,
and the API server refuses it with Conflict once that is not the newest; this is all that the agreement rests on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from scheduler.api.meta import ObjectMeta, WireStruct
from scheduler.kube.errors import MalformedAnswer

if TYPE_CHECKING:
    from scheduler.kube.requests import ApiClient

API_VERSION = "coordination.k8s.io/v1"


class LeaseSpec(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """Who holds the lease. The times are the holder's own, and for people to read: clocks differ."""

    holder_identity: str = ""
    """Empty: given up, anybody may take it."""
    lease_duration_seconds: int | None = None
    """How long others have to wait after the last change that they saw."""
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int = 0
    strategy: str | None = None
    preferred_holder: str | None = None


class Lease(msgspec.Struct, frozen=True):
    """One lease. ``metadata`` is as it came, so that writing it back keeps labels and whatever else others put there,
    and names the version that was read."""

    metadata: msgspec.Raw
    spec: LeaseSpec = LeaseSpec()


class NamedLease(WireStruct):
    """Of a lease that is watched: that it is there."""

    metadata: ObjectMeta


class _New(msgspec.Struct):
    name: str
    namespace: str


class _Body(msgspec.Struct, rename="camel"):
    metadata: msgspec.Raw | _New
    spec: LeaseSpec
    api_version: str = API_VERSION
    kind: str = "Lease"


class LeaseRequests:
    """One lease of one API server."""

    def __init__(self, client: ApiClient, namespace: str, name: str) -> None:
        self.client = client
        self.namespace = namespace
        self.name = name
        self.collection = f"/apis/{API_VERSION}/namespaces/{namespace}/leases"

    async def read(self) -> Lease:
        """As fresh as etcd. Raises ApiError: NotFound where there is none."""
        return await self.client.get(f"{self.collection}/{self.name}", Lease)

    async def write(self, lease: Lease | None, spec: LeaseSpec) -> Lease:
        """Change what was read, or create the lease where there was none; returns it as it is now.

        Raises ApiError: Conflict when somebody was faster. That may be this same request, which the HTTP library sends
        twice when a kept connection turns out to be cut.
        """
        if lease is None:
            body = _encode(_Body(_New(self.name, self.namespace), spec))
            return _decode(await self.client.post(self.collection, body))
        return _decode(await self.client.put(f"{self.collection}/{self.name}", _encode(_Body(lease.metadata, spec))))


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Lease)


def _decode(body: bytes) -> Lease:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedAnswer(f"a lease: {error}") from error
