"""Ways into the API server: its address, its certificate and somebody's token, as a kubeconfig."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Access:
    """The API server as one user sees it."""

    server: str
    """`https://127.0.0.1:port`."""
    ca_file: Path
    token: str = dataclasses.field(repr=False)
    user: str = "admin"

    def as_user(self, user: str, token: str) -> Access:
        """The same server for somebody else, such as a ServiceAccount whose token was requested."""
        return dataclasses.replace(self, user=user, token=token)

    def kubeconfig(self, namespace: str = "default") -> dict[str, Any]:
        """A kubeconfig with everything in it, so that it works wherever it is copied to."""
        authority = base64.b64encode(self.ca_file.read_bytes()).decode()
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "tests", "cluster": {"server": self.server, "certificate-authority-data": authority}}
            ],
            "users": [{"name": self.user, "user": {"token": self.token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": self.user, "namespace": namespace}}],
            "current-context": "tests",
        }

    def write_kubeconfig(self, path: Path, namespace: str = "default") -> Path:
        """Write the kubeconfig (JSON, which is YAML), readable by its owner only, and return `path`."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.kubeconfig(namespace), indent=2))
        return path
