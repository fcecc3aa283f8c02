"""Host ports: which a pod wants, and on which rows they are taken.

Owns the conflict rule (upstream: ``pkg/scheduler/framework/types.go``, HostPortInfo): the address ``0.0.0.0`` stands
for every address; any other, ``::`` included, only for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from scheduler.api.pod import PodSpec

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - compared with, never bound


class HostPort(NamedTuple):
    address: str
    protocol: str
    port: int

    def conflicts(self, other: HostPort) -> bool:
        """Whether one node cannot give both."""
        same_port = self.port == other.port and self.protocol == other.protocol
        return same_port and (self.address == other.address or ANY_ADDRESS in {self.address, other.address})


def host_ports(spec: PodSpec) -> tuple[HostPort, ...]:
    """The distinct host ports of containers and sidecars."""
    sidecars = (c for c in spec.init_containers if c.restart_policy == "Always")
    return tuple(
        dict.fromkeys(
            HostPort(port.host_ip or ANY_ADDRESS, port.protocol or "TCP", port.host_port)
            for container in (*spec.containers, *sidecars)
            for port in container.ports
            if port.host_port > 0
        )
    )


class PortsInUse:
    """(protocol, port) -> address -> row -> how many pods hold it there."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, int], dict[str, dict[int, int]]] = {}

    def add(self, row: int, ports: Iterable[HostPort]) -> None:
        for address, protocol, port in ports:
            rows = self._holders.setdefault((protocol, port), {}).setdefault(address, {})
            rows[row] = rows.get(row, 0) + 1

    def remove(self, row: int, ports: Iterable[HostPort]) -> None:
        """The reverse of ``add`` with the same ports."""
        for address, protocol, port in ports:
            addresses = self._holders[protocol, port]
            rows = addresses[address]
            rows[row] -= 1
            if not rows[row]:
                del rows[row]
            if not rows:
                del addresses[address]
            if not addresses:
                del self._holders[protocol, port]

    def rows_in_conflict(self, wanted: HostPort) -> set[int]:
        """The rows where this port cannot be had. O(rows that hold the port)."""
        addresses = self._holders.get((wanted.protocol, wanted.port), {})
        meant = addresses if wanted.address == ANY_ADDRESS else (wanted.address, ANY_ADDRESS)
        return {row for address in meant for row in addresses.get(address, ())}

    def conflicts(self, row: int, wanted: HostPort) -> set[HostPort]:
        """The ports held on this row that keep a pod from this one."""
        addresses = self._holders.get((wanted.protocol, wanted.port), {})
        meant = addresses if wanted.address == ANY_ADDRESS else (wanted.address, ANY_ADDRESS)
        held = (address for address in meant if row in addresses.get(address, ()))
        return {HostPort(address, wanted.protocol, wanted.port) for address in held}

    def on(self, row: int) -> dict[HostPort, int]:
        """How many pods hold each port on this row."""
        return {
            HostPort(address, protocol, port): rows[row]
            for (protocol, port), addresses in self._holders.items()
            for address, rows in addresses.items()
            if row in rows
        }

    def is_free(self, row: int, wanted: HostPort) -> bool:
        """Whether this port can be had on this row."""
        addresses = self._holders.get((wanted.protocol, wanted.port))
        if addresses is None:
            return True
        meant = addresses if wanted.address == ANY_ADDRESS else (wanted.address, ANY_ADDRESS)
        return not any(row in addresses.get(address, ()) for address in meant)
