"""The reference OCI registry (distribution) on plain http, open or with one user."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from tests.cluster.binaries import binary
from tests.cluster.probes import answers_ok
from tests.cluster.processes import Process, free_port

if TYPE_CHECKING:
    from pathlib import Path

_START_SECONDS = 15.0

USER, PASSWORD = "puller", "sesame"
# bcrypt of PASSWORD: the only scheme that the registry takes, and none that Python brings.
_HTPASSWD = f"{USER}:$2b$04$2yT7NssdpFP1pw3sjMMqUe2I1Fj/giupeu1Jzpb/7q/dVFzwLUPGa\n"


class Registry(Process):
    """A registry that keeps its content under the given folder; `private` makes it ask for USER and PASSWORD."""

    def __init__(self, folder: Path, *, name: str = "registry", private: bool = False) -> None:
        self.private = private
        self.address = f"127.0.0.1:{free_port()}"
        """`host:port`, the first part of an image's name."""
        self.content = folder / f"{name}-content"
        """The storage folder, laid out as distribution's filesystem driver does; a test may damage it."""
        self._file = folder / f"{name}.json"
        self._htpasswd = folder / f"{name}.htpasswd"
        super().__init__(name, [binary("registry"), "serve", self._file], folder)

    def start(self) -> None:
        """Return when it answers."""
        configuration = {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.content)}, "delete": {"enabled": True}},
            "http": {"addr": self.address},
        }
        if self.private:
            self._htpasswd.write_text(_HTPASSWD)
            configuration["auth"] = {"htpasswd": {"realm": "tests", "path": str(self._htpasswd)}}
        self._file.write_text(json.dumps(configuration, indent=2))
        super().start()
        self.wait_until(lambda: answers_ok(f"http://{self.address}/"), _START_SECONDS)

    def stop(self) -> None:
        """Stop, and drop the content."""
        super().stop()
        shutil.rmtree(self.content, ignore_errors=True)
