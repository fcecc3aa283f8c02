"""How a registry proves who it is, and how we prove it to a registry that asks.

Owns the descriptions of TLS that settings and mirror files give, and the contexts made from them. Files are read once:
a change needs a restart.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from scheduler.oci.settings import InvalidRegistrySettings


class InvalidTlsFiles(InvalidRegistrySettings):
    """A certificate or key file cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Tls:
    """``ca_files`` are trusted beside the system's. ``client``: pairs of certificate and key file; a file that holds
    both is given twice. ``verify`` off accepts any certificate.
    """

    ca_files: tuple[Path, ...] = ()
    client: tuple[tuple[Path, Path], ...] = ()
    verify: bool = True

    def elsewhere(self) -> Tls:
        """For hosts that a registry sends us to: trusted alike, but our own certificate is not for them."""
        return Tls(self.ca_files, (), self.verify)


DEFAULT_TLS = Tls()


class TlsContexts:
    """One context per distinct description. ``ca_files`` are trusted for every registry."""

    def __init__(self, ca_files: tuple[Path, ...] = ()) -> None:
        self._ca_files = ca_files
        self._contexts: dict[Tls, ssl.SSLContext] = {}

    def context(self, tls: Tls) -> ssl.SSLContext:
        """Raises InvalidTlsFiles."""
        context = self._contexts.get(tls)
        if context is None:
            context = self._contexts[tls] = _context(tls, self._ca_files)
        return context


def check_files(tls: Tls) -> None:
    """Raises InvalidTlsFiles."""
    if tls.ca_files or tls.client:
        _context(tls, ())


def _context(tls: Tls, ca_files: tuple[Path, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for path in (*ca_files, *tls.ca_files):
        try:
            context.load_verify_locations(path)
        except (OSError, ssl.SSLError) as error:
            raise InvalidTlsFiles(f"{path}: no certificates can be read from it: {_reason(error)}") from None
    for certificate, key in tls.client:
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise InvalidTlsFiles(
                f"{certificate} and {key} are no certificate with its key: {_reason(error)}"
            ) from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
