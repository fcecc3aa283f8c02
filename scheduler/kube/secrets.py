"""Image pull secrets: the ones that a pod names, read one by one.

Owns the reading and a short memory of it, so that the replicas of a workload cost one request. Never lists or watches
secrets, which would need the right to see all of them. What is inside is for ``oci.credentials`` to read; here it is
neither looked at nor printed.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

import msgspec
from cachetools import TTLCache

from scheduler.kube.errors import Forbidden, NotFound, explain
from scheduler.kube.retrying import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scheduler.kube.requests import ApiClient

PAYLOAD_KEYS = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}
"""The types that the kubelet uses, and the key of their payload. It ignores all others."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)
"""A pod may name anything as its secret; only this may become part of a path."""


class _Secret(msgspec.Struct):
    type: str = ""
    data: dict[str, bytes] = {}


PullSecret = tuple[str, bytes]
"""The secret's type and its payload, decoded from base64."""


class PullSecrets:
    """Reads pull secrets; remembers each, and that it is missing, for ``seconds``.

    Credentials change seldom and a missing secret is often about to be created, so the memory is short. ``capacity``
    bounds it in secrets (each is below 1 MiB by the API's rule, and usually a few hundred bytes).
    """

    def __init__(
        self,
        client: ApiClient,
        *,
        seconds: float = 30.0,
        capacity: int = 1024,
        on_problem: Callable[[str], None] = lambda problem: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._on_problem = on_problem
        self._known: TTLCache[tuple[str, str], PullSecret | None] = TTLCache(capacity, seconds, timer=clock)
        self._flights: dict[tuple[str, str], asyncio.Task[PullSecret | None]] = {}

    async def read(self, namespace: str, names: Iterable[str]) -> list[PullSecret]:
        """The named secrets in the order of their names' first mention; as the kubelet does, without what is missing.

        A secret that may not be read, or is not of a type for pulling images, is reported and left out. Raises ApiError
        when the API server could not be asked: then nothing is known of what the pod may pull.
        """
        secrets = [await self._secret((namespace, name)) for name in dict.fromkeys(names)]
        return [secret for secret in secrets if secret is not None]

    async def _secret(self, key: tuple[str, str]) -> PullSecret | None:
        if key in self._known:
            return self._known[key]
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._fetch(key))
            flight.add_done_callback(lambda done: self._land(key, done))
        # Others wait for the same answer, so a caller that is cancelled must not take it with it.
        return await asyncio.shield(flight)

    def _land(self, key: tuple[str, str], flight: asyncio.Task[PullSecret | None]) -> None:
        del self._flights[key]
        if not flight.cancelled() and flight.exception() is None:
            self._known[key] = flight.result()

    async def _fetch(self, key: tuple[str, str]) -> PullSecret | None:
        namespace, name = key
        if _NAME.fullmatch(name) is None:
            self._on_problem(f"pull secret {name!r} in namespace {namespace} is not used: no secret can have that name")
            return None
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        try:
            secret = await retrying(lambda: self._client.get(path, _Secret))
        except NotFound:
            return None
        except Forbidden as error:
            self._on_problem(f"pull secret {namespace}/{name} is not used: {explain(error, self._client.server)}")
            return None
        payload = secret.data.get(PAYLOAD_KEYS.get(secret.type, ""))
        if payload is None:
            self._on_problem(
                f"pull secret {namespace}/{name} is not used: its type is {secret.type!r}, "
                f"or it lacks the key that goes with it; known are {', '.join(PAYLOAD_KEYS)}"
            )
            return None
        return secret.type, payload
