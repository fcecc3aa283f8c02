"""The reference OCI registry (distribution): open, with one user or a token service; with TLS; or as a mirror."""

from __future__ import annotations

import dataclasses
import json
import shutil
from typing import TYPE_CHECKING, Any

from tests.cluster.binaries import binary
from tests.cluster.probes import answers_ok
from tests.cluster.processes import Process, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.token_server import TokenServer

_START_SECONDS = 15.0

USER, PASSWORD = "puller", "sesame"
# bcrypt of PASSWORD: the only scheme that the registry takes, and none that Python brings.
_HTPASSWD = f"{USER}:$2b$04$2yT7NssdpFP1pw3sjMMqUe2I1Fj/giupeu1Jzpb/7q/dVFzwLUPGa\n"


@dataclasses.dataclass(frozen=True)
class Certificate:
    """PEM files: a server's certificate with its key, and the authority to trust for it."""

    certificate: Path
    key: Path
    authority: Path


class Registry(Process):
    """A registry that keeps its content under the given folder.

    `private` makes it ask for USER and PASSWORD, `tokens` for tokens of that service, `tls` speak TLS. With `upstream`,
    a URL, it is a mirror that fetches what it is asked for, and takes no pushes.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "registry",
        private: bool = False,
        tls: Certificate | None = None,
        tokens: TokenServer | None = None,
        upstream: str = "",
    ) -> None:
        self.asks_for_user = private or tokens is not None
        self.tls = tls
        self._private = private
        self._tokens = tokens
        self._upstream = upstream
        self.address = f"127.0.0.1:{free_port()}"
        """`host:port`, the first part of an image's name."""
        self.content = folder / f"{name}-content"
        """The storage folder, laid out as distribution's filesystem driver does; a test may damage it."""
        self._file = folder / f"{name}.json"
        self._htpasswd = folder / f"{name}.htpasswd"
        super().__init__(name, [binary("registry"), "serve", self._file], folder)

    def start(self) -> None:
        """Return when it answers."""
        self._file.write_text(json.dumps(self._configuration(), indent=2))
        super().start()
        scheme, authority = ("http", None) if self.tls is None else ("https", self.tls.authority)
        self.wait_until(lambda: answers_ok(f"{scheme}://{self.address}/", authority), _START_SECONDS)

    def stop(self) -> None:
        """Stop, and drop the content."""
        super().stop()
        shutil.rmtree(self.content, ignore_errors=True)

    def _configuration(self) -> dict[str, Any]:
        configuration: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.content)}, "delete": {"enabled": True}},
            "http": {"addr": self.address},
        }
        if self.tls is not None:
            configuration["http"]["tls"] = {"certificate": str(self.tls.certificate), "key": str(self.tls.key)}
        if self._upstream:
            configuration["proxy"] = {"remoteurl": self._upstream}
        if self._private:
            self._htpasswd.write_text(_HTPASSWD)
            configuration["auth"] = {"htpasswd": {"realm": "tests", "path": str(self._htpasswd)}}
        if self._tokens is not None:
            configuration["auth"] = {"token": self._tokens.for_registry()}
        return configuration
