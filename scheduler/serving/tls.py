"""TLS of the listener, and following the certificate files when they are replaced.

Owns the SSL contexts. The listening one only hands each handshake to the context of the day (by its SNI callback, which
runs with and without SNI), so a new certificate and a new authority of clients both hold for the next connection;
connections that are open stay as they are.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class InvalidCertificates(Exception):
    """The files cannot be used. The text names them."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """PEM files. With ``client_authority`` a caller must have a certificate that it signed."""

    certificate: Path
    key: Path
    client_authority: Path | None = None

    def context(self) -> ssl.SSLContext:
        """A server's context of what the files hold now. Raises InvalidCertificates."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            # Without a password OpenSSL would ask for that of an encrypted key at the terminal.
            context.load_cert_chain(self.certificate, self.key, password="")
        except (OSError, ssl.SSLError) as error:
            raise InvalidCertificates(f"certificate {self.certificate} with key {self.key}: {error}") from error
        if self.client_authority is not None:
            try:
                context.load_verify_locations(cafile=self.client_authority)
            except (OSError, ssl.SSLError) as error:
                raise InvalidCertificates(f"authority of clients {self.client_authority}: {error}") from error
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def stamps(self) -> list[tuple[int, int] | None]:
        """What differs once a file was replaced or rewritten."""
        return [_stamp(path) for path in (self.certificate, self.key, self.client_authority)]


class FollowedTls:
    """``context`` is for the listener. Raises InvalidCertificates when the files cannot be used at the start.

    Files that cannot be used later (half written, or a key without its certificate yet) are looked at again after
    ``period`` seconds, and told to ``on_problem``; until then the last good ones stay.
    """

    def __init__(self, files: CertificateFiles, period: float, on_problem: Callable[[str], None]) -> None:
        self._files = files
        self._period = period
        self._on_problem = on_problem
        self._stamps = files.stamps()
        self._today = files.context()
        self.loaded = 1
        """How many times certificates were loaded."""
        self.context = files.context()
        self.context.sni_callback = self._hand_over

    async def run(self) -> None:
        """Follows until cancelled."""
        while True:
            await asyncio.sleep(self._period)
            self.follow()

    def follow(self) -> None:
        """Looks at the files, and loads them if they have changed."""
        stamps = self._files.stamps()
        if stamps == self._stamps:
            return
        try:
            self._today = self._files.context()
        except InvalidCertificates as error:
            self._on_problem(f"the new certificates are not used: {error}")
            return
        self._stamps = stamps
        self.loaded += 1

    def _hand_over(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._today


def _stamp(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
