"""The real control plane on the loopback: etcd and kube-apiserver, and kube-controller-manager when wanted.

Everything lives in one folder: data, certificates, kubeconfig and logs. Nodes and pods do not run here; `kwok` plays
the kubelets, `kube_scheduler` the scheduler that ours is compared with, `registry` serves images. Blocking code, so
that session fixtures and scripts can use it; the conversation with the API server is in `kube_client`.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from typing import TYPE_CHECKING, Any, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.cluster.access import Access
from tests.cluster.binaries import binary
from tests.cluster.probes import answers_ok
from tests.cluster.processes import Process, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_START_SECONDS = 45.0

# ServiceAccount refuses pods until a controller has made the namespace's `default` account; TaintNodesByCondition
# marks new nodes not-ready and leaves it to a controller to take the taint away.
_NEED_CONTROLLERS = ("ServiceAccount", "TaintNodesByCondition")


class ControlPlane:
    """etcd, kube-apiserver and, with `controllers`, kube-controller-manager; a context manager, or start and stop.

    `controllers` brings what a cluster does by itself (ReplicaSets make pods, namespaces can be deleted, ready nodes
    lose their taint). Without it the API server starts with the admission plugins off that would wait for controllers.
    `audit` keeps a log of all requests for `audit_events`. `api_server_flags` are added to kube-apiserver's command,
    and `api_server_environment` to its environment.
    """

    def __init__(
        self,
        folder: Path,
        *,
        controllers: bool = False,
        audit: bool = False,
        api_server_flags: Sequence[str] = (),
        api_server_environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._audit = audit
        self._pki = folder / "pki"
        self._account_key = self._pki / "service-accounts.key"
        self._etcd_url = f"http://127.0.0.1:{free_port()}"
        port = free_port()
        self.admin = Access(f"https://127.0.0.1:{port}", self._pki / "apiserver.crt", secrets.token_urlsafe(24))
        self.kubeconfig = folder / "admin.kubeconfig"
        self.etcd = Process("etcd", self._etcd_command(), folder)
        disabled = [] if controllers else [f"--disable-admission-plugins={','.join(_NEED_CONTROLLERS)}"]
        command = [*self._api_server_command(port), *disabled, *api_server_flags]
        self.api_server = Process("kube-apiserver", command, folder, api_server_environment)
        self._controllers_port = free_port()
        self.controllers = (
            Process("kube-controller-manager", self._controllers_command(), folder) if controllers else None
        )

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self.admin.server

    @property
    def processes(self) -> list[Process]:
        return [self.etcd, self.api_server, *([self.controllers] if self.controllers else [])]

    def start(self) -> None:
        """Return when all of it is ready. When it is not: ProcessFailed with the tail of a log, and nothing is left."""
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            self._prepare()
            self.etcd.start()
            self.etcd.wait_until(lambda: answers_ok(f"{self._etcd_url}/health"), _START_SECONDS)
            self.api_server.start()
            self.api_server.wait_until(self._api_server_ready, _START_SECONDS)
            self.admin.write_kubeconfig(self.kubeconfig)
            if self.controllers is not None:
                self.controllers.start()
                self.controllers.wait_until(self._controllers_ready, _START_SECONDS)
            undo.pop_all()

    def stop(self) -> None:
        """Stop it all, the last started first, and drop etcd's data; logs stay. Harmless when it is not running."""
        for process in reversed(self.processes):
            process.stop()
        shutil.rmtree(self.folder / "etcd-data", ignore_errors=True)

    def audit_events(self) -> list[dict[str, Any]]:
        """The requests that the API server has answered so far (level Metadata), when started with `audit`."""
        with (self.folder / "audit.log").open() as log:
            return [json.loads(line) for line in log]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _prepare(self) -> None:
        """The files that the servers read as they start."""
        self._pki.mkdir(parents=True, exist_ok=True)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._account_key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        # token, user, uid, groups
        (self._pki / "tokens.csv").write_text(f'{self.admin.token},{self.admin.user},1,"system:masters"\n')
        policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}
        (self._pki / "audit-policy.json").write_text(json.dumps(policy))

    def _etcd_command(self) -> list[str | Path]:
        peers = f"http://127.0.0.1:{free_port()}"
        return [
            binary("etcd"),
            f"--data-dir={self.folder / 'etcd-data'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            # The data need not survive anything, so nothing waits for the disk.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _api_server_command(self, port: int) -> list[str | Path]:
        audit = [
            f"--audit-policy-file={self._pki / 'audit-policy.json'}",
            f"--audit-log-path={self.folder / 'audit.log'}",
        ]
        return [
            binary("kube-apiserver"),
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={port}",
            # It signs its own certificate, and the file it writes is what clients trust.
            f"--cert-dir={self._pki}",
            f"--token-auth-file={self._pki / 'tokens.csv'}",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._account_key}",
            f"--service-account-signing-key-file={self._account_key}",
            "--service-cluster-ip-range=10.96.0.0/16",
            # The endpoints of the `kubernetes` service may not be loopback addresses, and nobody uses them here.
            "--endpoint-reconciler-type=none",
            "--allow-privileged",
            *(audit if self._audit else []),
        ]

    def _controllers_command(self) -> list[str | Path]:
        return [
            binary("kube-controller-manager"),
            f"--kubeconfig={self.kubeconfig}",
            f"--authentication-kubeconfig={self.kubeconfig}",
            f"--authorization-kubeconfig={self.kubeconfig}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._controllers_port}",
            f"--cert-dir={self._pki}",
            f"--service-account-private-key-file={self._account_key}",
            f"--root-ca-file={self.admin.ca_file}",
            "--leader-elect=false",
            "--kube-api-qps=1000",
            "--kube-api-burst=2000",
        ]

    def _api_server_ready(self) -> bool:
        return answers_ok(f"{self.server}/readyz", self.admin.ca_file, self.admin.token)

    def _controllers_ready(self) -> bool:
        return answers_ok(
            f"https://127.0.0.1:{self._controllers_port}/healthz", self._pki / "kube-controller-manager.crt"
        )
