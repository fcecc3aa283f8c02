"""Who may read what is not meant for everybody.

Owns the rule where the API server is not asked: what tells of pods and settings is for callers from the same machine or
the same pod, which is where ``kubectl port-forward`` comes from. Asking the API server is in ``delegated``.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple, Protocol


class Refusal(NamedTuple):
    """The answer to somebody who may not: HTTP status, and why."""

    status: int
    message: str


class Access(Protocol):
    """Asked before anything but the health endpoints is served."""

    async def refusal(self, path: str, token: str | None, peer: str) -> Refusal | None:
        """None: the path may be read. ``token``: of ``Authorization: Bearer``. ``peer``: the caller's IP address."""


class LocalAccess:
    """``/metrics`` for all, the rest for callers from loopback addresses."""

    async def refusal(self, path: str, token: str | None, peer: str) -> Refusal | None:
        if path == "/metrics" or _is_loopback(peer):
            return None
        return Refusal(403, f"{path} is served to this machine only, as through kubectl port-forward")


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
