"""Certificates in files: the TLS context made of them, and following them when they are replaced.

Owns the SSL context of the connection. Certificates are renewed while the process runs (by the kubelet, by kubeadm,
through a mounted secret), so the files are looked at again, as client-go does. The header still comes from the
credentials inside; ``pool`` lets old connections go when ``certificates`` has changed.
"""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

from scheduler.kube.errors import InvalidConnection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scheduler.kube.credentials import Credentials


def tls_context(authority: Path | None, *, verify: bool = True) -> ssl.SSLContext:
    """A client's context that trusts ``authority``, or the system's authorities. Raises InvalidConnection."""
    try:
        context = ssl.create_default_context(cafile=None if authority is None else str(authority))
    except (OSError, ssl.SSLError) as error:
        raise InvalidConnection(f"the certificate authority {authority} cannot be read: {error}") from error
    # Python 3.13 refuses authorities without certain extensions. Clusters have such ones, and no other client refuses.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class CertificateFiles:
    """Credentials whose authority or client certificate lie in files that may be replaced.

    ``context`` is changed in place, which holds for new connections. A file that cannot be used (half written, or the
    key of another certificate) is looked at again a ``period`` later; until then the last good one stays. An authority
    that was trusted once stays so until the process ends.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        inner: Credentials,
        *,
        authority: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        period: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context = context
        self._inner = inner
        self._authority = authority
        self._certificate = certificate
        self._key = key
        self._period = period
        self._clock = clock
        self._loaded = 0
        self._due = clock() + period
        self._stamps = self._stamp()
        if certificate is not None:
            try:
                self._load_certificate(context, certificate)
            except OSError as error:
                raise InvalidConnection(f"the client certificate {certificate} cannot be used: {error}") from error

    @property
    def certificates(self) -> int:
        return self._loaded + self._inner.certificates

    async def authorization(self) -> str | None:
        now = self._clock()
        if now >= self._due:
            self._due = now + self._period
            self._follow()
        return await self._inner.authorization()

    def rejected(self, authorization: str | None) -> None:
        self._due = float("-inf")
        self._inner.rejected(authorization)

    def _follow(self) -> None:
        stamps = self._stamp()
        if stamps == self._stamps:
            return
        try:
            if self._certificate is not None:
                # Tried on another context first: a key that does not fit would leave ours without any.
                self._load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), self._certificate)
                self._load_certificate(self._context, self._certificate)
            if self._authority is not None:
                self._context.load_verify_locations(cafile=str(self._authority))
        except OSError:
            return
        self._stamps = stamps
        self._loaded += 1

    def _load_certificate(self, context: ssl.SSLContext, certificate: Path) -> None:
        # Without a password OpenSSL would ask for that of an encrypted key at the terminal.
        context.load_cert_chain(str(certificate), None if self._key is None else str(self._key), password="")

    def _stamp(self) -> list[tuple[int, int] | None]:
        return [_stamp(path) for path in (self._authority, self._certificate, self._key)]


def _stamp(path: Path | None) -> tuple[int, int] | None:
    """What differs once a file was replaced or rewritten; None when there is none."""
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
