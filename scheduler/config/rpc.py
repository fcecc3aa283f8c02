"""Settings about gRPC: where autoscalers and programs call, what a caller may cost, how the expander answers.

Who serves by them is ``scheduler.rpc``.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

import msgspec

from scheduler.config.serving import TlsSettings
from scheduler.config.strict import Count, InvalidSettings, Port, Strict

Megabytes = Annotated[int, msgspec.Meta(ge=1, le=1024)]


class ExpanderSettings(Strict, frozen=True):
    """How cluster-autoscaler is answered."""

    deadline_seconds: Annotated[float, msgspec.Meta(gt=0, lt=5)] = 2.0
    """An answer is given by then, whatever is known by then. The autoscaler waits 5 and then goes on without. Default:
    2."""
    when_none_fits: Literal["all", "none"] = "all"
    """What is answered when every node group is known to help no pod: all of them, as if nobody had been asked, or
    none, and then an autoscaler from 1.32 on adds no node. Default: all."""


class RpcSettings(Strict, frozen=True):
    """The gRPC server: the Expander, the ImagePlatform API, health and reflection."""

    enabled: bool = False
    """Whether the scheduler serves it; ``multiarch-scheduler expander`` does in any case. Default: false."""
    host: str = "0.0.0.0"  # noqa: S104 - autoscalers run on other machines
    """Address to listen on; without ``tls`` one of the loopback. Default: all."""
    port: Port = 10262
    """Port to listen on; 0 takes a free one. Default: 10262."""
    tls: TlsSettings | None = None
    """cluster-autoscaler insists on it. Default: none, which is for callers on the same machine only."""
    max_request_megabytes: Megabytes = 128
    """A larger request is refused. 1,000 node groups with 100 pods of 1 KB each take 100. While one is answered, memory
    grows by three and a half times its size. Default: 128."""
    max_calls: Count = 64
    """Calls at once, streams among them; further ones are refused. Default: 64."""
    watch_queue: Count = 1024
    """Changes that wait for a caller of Watch who is slow, before the stream is ended. Default: 1024."""
    expander: ExpanderSettings = ExpanderSettings()


def check_rpc(rpc: RpcSettings, source: str) -> None:
    """What one field alone does not tell; ``source`` names the file in errors. Raises InvalidSettings."""
    if rpc.tls is None and rpc.enabled and not is_loopback(rpc.host):
        raise InvalidSettings(f"{source}: rpc.tls: is needed to listen on {rpc.host}, which is no loopback address")


def is_loopback(host: str) -> bool:
    """Whether only this machine can call there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
