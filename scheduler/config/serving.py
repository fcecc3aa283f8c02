"""Settings of what the process serves over HTTP: where, with which certificates, and to whom.

Owns the fields and which of them need each other. Serving itself is ``scheduler.serving``.
"""

from __future__ import annotations

from typing import Literal

from scheduler.config.strict import InvalidSettings, Port, Seconds, Strict


class TlsSettings(Strict, frozen=True):
    """Certificates, all in PEM files that are followed when they are replaced."""

    certificate: str
    """The server's certificate, with its chain."""
    key: str
    """Its private key."""
    client_authority: str | None = None
    """Whoever calls must have a certificate of this authority. Default: anybody may call."""
    period_seconds: Seconds = 10.0
    """How often the files are looked at. Default: 10."""


class ServingSettings(Strict, frozen=True):
    """Where /healthz, /livez, /readyz, /metrics, /configz and /debug/pod are served."""

    host: str = "0.0.0.0"  # noqa: S104 - probes and Prometheus come from other machines
    """Address to listen on. Default: all."""
    port: Port = 10261
    """Port to listen on; 0 takes a free one. Default: 10261."""
    tls: TlsSettings | None = None
    """Default: plain HTTP."""
    authorization: Literal["none", "delegated"] = "none"
    """delegated: the API server is asked who calls (TokenReview) and whether they may (SubjectAccessReview) read
    anything but the health endpoints; needs tls. none: /metrics is open to all, /configz and /debug/pod to callers from
    the same machine or pod, as through kubectl port-forward. Default: none."""


def check_serving(serving: ServingSettings, source: str) -> None:
    """Raises InvalidSettings."""
    if serving.authorization == "delegated" and serving.tls is None:
        raise InvalidSettings(f"{source}: serving.authorization: delegated needs serving.tls, or tokens could be read")
