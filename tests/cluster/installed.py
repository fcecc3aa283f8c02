"""Programs as a Deployment on the API server says: its command, its settings, its mounts, its account and nothing more.

There are no containers here, so three things differ: the mounted files lie in a folder of the test, ports are free ones
of the loopback, and registries on the loopback may be asked. Who installs is kubectl or helm.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from extender.configuration import Wanted, scheduler_configuration
from extender.settings import parse_extender_settings
from tests.cluster.installation import Permission, permissions
from tests.cluster.probes import answers_ok
from tests.cluster.processes import Process, free_port
from tests.kube.pki import Authority

if TYPE_CHECKING:
    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.kube_client import KubeClient

Object = dict[str, Any]

RBAC = "rbac.authorization.k8s.io/v1"
ENTRYPOINT = "multiarch-scheduler"
"""Of the image, for containers that name no command."""
_START_SECONDS = 30.0


class Installed(Process):
    """The one container of a Deployment, as a process; a context manager that is ready when it says so, and leads."""

    def __init__(self, folder: Path, deployment: Object, settings: Object, kubeconfig: Path) -> None:
        self.folder = folder
        self.namespace: str = deployment["metadata"]["namespace"]
        self.settings = settings
        self.health = f"http://127.0.0.1:{settings['serving']['port']}"
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        program, *arguments = [*container.get("command", [ENTRYPOINT]), *container.get("args", [])]
        self._elects = settings["kind"] == "SchedulerSettings" and "run" in arguments
        self._mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        command = [
            Path(sys.executable).parent / program,
            *map(self._here, arguments),
            f"--kubeconfig={kubeconfig}",
        ]
        super().__init__(deployment["metadata"]["name"], command, folder)
        for volume in deployment["spec"]["template"]["spec"]["volumes"]:
            mounted = folder / volume["name"]
            mounted.mkdir()
            if "configMap" in volume:
                (mounted / "settings.yaml").write_text(self._here(yaml.safe_dump(settings)))
            else:
                write_certificates(mounted)

    def start(self) -> None:
        super().start()
        self.wait_until(lambda: answers_ok(f"{self.health}/readyz"), _START_SECONDS)
        if self._elects:
            self.wait_until(lambda: " leading " in self.log.read_text(), _START_SECONDS)

    @property
    def account(self) -> str:
        """As the API server's log calls it."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    @property
    def certificates(self) -> Path:
        """With tls.crt, tls.key and the authority that signed them, ca.crt."""
        return self.folder / "tls"

    def extended(self) -> Object:
        """The KubeSchedulerConfiguration by which kube-scheduler calls it, where it is the extender."""
        answering = self.settings.get("answering", {})
        wanted = Wanted(
            mode="delegated" if answering.get("delegated") else "narrow" if answering.get("maxNodes") else "filter",
            url=f"https://127.0.0.1:{self.settings['listening']['port']}",
            ca_file=str(self.certificates / "ca.crt"),
            cert_file=str(self.certificates / "tls.crt"),
            key_file=str(self.certificates / "tls.key"),
            kubeconfig=None,
        )
        settings = parse_extender_settings(self._here(yaml.safe_dump(self.settings)), "settings")
        document: Object = yaml.safe_load(scheduler_configuration(wanted, settings))
        return document

    def _here(self, text: str) -> str:
        """The longest path first: one may begin like another."""
        for name, path in sorted(self._mounts.items(), key=lambda mount: -len(mount[1])):
            text = text.replace(path, str(self.folder / name))
        return text


async def installed(
    control_plane: ControlPlane, kube: KubeClient, folder: Path, name: str, namespace: str
) -> Installed:
    """The program of the Deployment with this name, not yet started."""
    deployment = await kube.get("Deployment", name, namespace, "apps/v1")
    pod = deployment["spec"]["template"]["spec"]
    (config_map,) = [volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume]
    text = (await kube.get("ConfigMap", config_map, namespace))["data"]["settings.yaml"]
    token = await kube.service_account_token(pod["serviceAccountName"], namespace)
    folder = folder / name
    folder.mkdir()
    kubeconfig = control_plane.admin.as_user(name, token).write_kubeconfig(folder / "account.kubeconfig", namespace)
    return Installed(folder, deployment, outside(yaml.safe_load(text), namespace), kubeconfig)


def outside(settings: Object, namespace: str) -> Object:
    """The settings, fit for a program that is no pod."""
    assert settings["images"]["registries"]["allowLoopback"] is False
    settings["images"]["registries"]["allowLoopback"] = True
    settings["serving"] = {"host": "127.0.0.1", "port": free_port()}
    if settings["kind"] == "ExtenderSettings":
        settings["listening"] |= {"host": "127.0.0.1", "port": free_port(), "drainSeconds": 0}
    else:
        settings["leaderElection"] = {"resourceNamespace": namespace}
    if "rpc" in settings:
        settings["rpc"] |= {"host": "127.0.0.1", "port": free_port()}
    return settings


async def granted(kube: KubeClient, program: Installed) -> set[Permission]:
    """All that roles give to the program's own account, anywhere; what every account may do is not among it."""
    found: set[Permission] = set()
    for kind in ("clusterrolebindings", "rolebindings"):
        for binding in (await kube.request("GET", f"/apis/{RBAC}/{kind}"))["items"]:
            subject = {"kind": "ServiceAccount", "name": program.name, "namespace": program.namespace}
            if subject in binding.get("subjects", []):
                role = binding["roleRef"]
                namespace = binding["metadata"].get("namespace") if role["kind"] == "Role" else None
                found |= permissions(await kube.get(role["kind"], role["name"], namespace, RBAC))
    return found


def write_certificates(folder: Path) -> None:
    """As the Secret has them: of a server, which may show them as a caller too, and of who signed them."""
    authority = Authority(folder.parent.name)
    certificate, key = authority.issue("program")
    (folder / "tls.crt").write_bytes(certificate)
    (folder / "tls.key").write_bytes(key)
    (folder / "ca.crt").write_bytes(authority.pem)
