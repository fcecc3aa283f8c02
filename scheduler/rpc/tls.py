"""TLS for gRPC, following the certificate files when they are replaced.

Owns the credentials of the listener. gRPC asks for the certificates of the day at each handshake; the files are looked
at then, but not more often than the settings say. Files that cannot be used (half written, or a key without its
certificate yet) are told to ``on_problem``, and the last good ones stay. Connections that are open stay as they are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc

from scheduler.config.serving import TlsSettings
from scheduler.serving.tls import CertificateFiles, InvalidCertificates


class FollowedCredentials:
    """``credentials`` is for the listener. Raises InvalidCertificates when the files cannot be used at the start.

    ``on_problem`` is called from gRPC's threads.
    """

    def __init__(
        self, settings: TlsSettings, on_problem: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        authority = None if settings.client_authority is None else Path(settings.client_authority)
        self._files = CertificateFiles(Path(settings.certificate), Path(settings.key), authority)
        self._period = settings.period_seconds
        self._on_problem = on_problem
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = clock()
        self._stamps = self._files.stamps()
        self.credentials = grpc.dynamic_ssl_server_credentials(
            self._load(),
            self._follow,  # type: ignore[arg-type]  # None is what the documentation asks for
            require_client_authentication=authority is not None,
        )

    def _follow(self) -> grpc.ServerCertificateConfiguration | None:
        """What has changed since the last handshake; None: nothing."""
        with self._lock:
            now = self._clock()
            if now - self._looked < self._period:
                return None
            self._looked = now
            stamps = self._files.stamps()
            if stamps == self._stamps:
                return None
            try:
                found = self._load()
            except InvalidCertificates as error:
                self._on_problem(f"the new certificates are not used: {error}")
                return None
            self._stamps = stamps
            return found

    def _load(self) -> grpc.ServerCertificateConfiguration:
        """What the files hold, checked, since gRPC would take anything."""
        files = self._files
        files.context()
        try:
            authority = None if files.client_authority is None else files.client_authority.read_bytes()
            chain = [(files.key.read_bytes(), files.certificate.read_bytes())]
        except OSError as error:
            raise InvalidCertificates(str(error)) from error
        return grpc.ssl_server_certificate_configuration(chain, root_certificates=authority)
