"""docs/extender.md, done as it says: its files, its commands and its diff, with the real kube-scheduler and kubectl.

What a test cannot have is replaced: `/etc/kubernetes` is a folder, the extender's certificate of `kubeadm kubeconfig`
is a ServiceAccount's token, and ports and addresses are the loopback's. `kubeadm-kube-scheduler.yaml` is what kubeadm
1.37 writes.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from scheduler.sandbox.demo import create
from scheduler.sandbox.scenario import ARM_NODES, Workload
from tests.cluster.binaries import binary
from tests.cluster.installation import kubectl
from tests.cluster.probes import answers_ok
from tests.cluster.processes import Process, free_port
from tests.cluster.test_extender import scenario_stage
from tests.cluster.test_extender_manifests import MANIFESTS, outside
from tests.docs.console import DOCS, Session, steps, write_files
from tests.scenarios.walking import PODS, all_bound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kube_client import KubeClient
    from tests.cluster.kwok import Kwok
    from tests.cluster.stage import RealStage

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

TEXT = (DOCS / "extender.md").read_text()
KUBEADM = Path(__file__).with_name("kubeadm-kube-scheduler.yaml")
ETC = "/etc/kubernetes"
ADDRESS = "10.96.0.71"
INFERENCE = Workload("inference", ("shop/inference:0.9",), 2, frozenset(ARM_NODES))


@pytest.fixture
async def stage(control_plane: ControlPlane, kwok: Kwok, publisher: Publisher) -> AsyncIterator[RealStage]:
    assert kwok.alive
    async with scenario_stage(control_plane, publisher) as stage:
        yield stage


@pytest.fixture
def node(tmp_path: Path, control_plane: ControlPlane) -> Path:
    """A control-plane node's /etc/kubernetes, with the document's files, and kubectl and our program on the PATH."""
    folder = tmp_path / "kubernetes"
    folder.mkdir()
    (folder / "scheduler.conf").write_text(control_plane.kubeconfig.read_text())
    (folder / "kube-scheduler.yaml").write_text(KUBEADM.read_text())
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "kubectl").symlink_to(binary("kubectl"))
    write_files(TEXT, folder)
    return folder


def session(node: Path) -> Session:
    path = f"{node.parent / 'programs'}:{Path(sys.executable).parent}:/usr/bin:/bin"
    return Session(node, {"PATH": path, "KUBECONFIG": str(node / "scheduler.conf"), "HOME": str(node)}, {})


async def token_of_an_account(kube: KubeClient, control_plane: ControlPlane) -> dict[str, Any]:
    """A subject for the rights, since nobody here signs client certificates."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "static", "namespace": "default"}}
    kubectl_apply(control_plane, account)
    return {"kind": "ServiceAccount", "name": "static", "namespace": "default"}


def kubectl_apply(control_plane: ControlPlane, *manifests: dict[str, Any]) -> None:
    file = control_plane.folder / "applied.yaml"
    file.write_text(yaml.safe_dump_all(manifests))
    kubectl(control_plane, "apply", "-f", str(file))


async def test_a_kubeadm_user_gets_from_nothing_to_a_working_extender(
    stage: RealStage, control_plane: ControlPlane, kube: KubeClient, node: Path
) -> None:
    for name in ("clusterrole", "clusterrolebinding"):
        kubectl(control_plane, "delete", name, "multiarch-extender-static", "--ignore-not-found")
    running = session(node)
    for step in steps(TEXT):
        assert running.run(step.command) == step.shown, step.command

    kubectl(control_plane, "apply", "--dry-run=server", "-f", str(node / "multiarch-extender.yaml"))
    _, binding = yaml.safe_load_all((node / "rights.yaml").read_text())
    binding["subjects"] = [await token_of_an_account(kube, control_plane)]
    kubectl_apply(control_plane, binding)
    access = control_plane.admin.as_user("static", await kube.service_account_token("static", "default"))
    access.write_kubeconfig(node / "extender.conf")

    running.run("patch --no-backup-if-mismatch kube-scheduler.yaml kube-scheduler.diff")
    assert not backups(node)
    kubectl(control_plane, "apply", "--dry-run=server", "-f", str(node / "kube-scheduler.yaml"))
    port, health_port = free_port(), free_port()
    configuration = (node / "scheduler.yaml").read_text().replace(ETC, str(node)).replace("10271", str(port))
    (node / "scheduler.yaml").write_text(configuration)

    command = [*static_pod(node / "multiarch-extender.yaml", node), f"--port={port}", f"--health-port={health_port}"]
    with Process("static-extender", [sys.executable, "-m", "extender", *command[1:]], node) as extender:
        extender.wait_until(lambda: answers_ok(f"http://127.0.0.1:{health_port}/readyz"), 20)
        with Process("static-kube-scheduler", kube_scheduler(node), node):
            await create(stage, INFERENCE.pods(stage.registry, "default-scheduler"), PODS)
            assert {pod.spec.node_name for pod in await all_bound(stage, "inference", 2)} <= set(ARM_NODES)


async def test_the_certificates_of_the_document_serve_an_extender_behind_a_service(
    stage: RealStage, control_plane: ControlPlane, node: Path
) -> None:
    scripts = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    made = next(script for script in scripts if "openssl" in script)
    configured = next(script for script in scripts if f"--url https://{ADDRESS}" in script)
    running = session(node)
    running.run(made.replace(ADDRESS, "127.0.0.1"))
    pki = node / "pki" / "extender"
    pki.mkdir(parents=True)
    for name in ("ca.crt", "client.crt", "client.key"):
        (pki / name).write_bytes((node / name).read_bytes())
    port, health_port = free_port(), free_port()
    said = running.run(configured.replace(ADDRESS, f"127.0.0.1:{port}").replace(ETC, str(node)))
    assert said == ""
    (node / "scheduler.yaml").write_text((node / "scheduler.yaml").read_text().replace(ETC, str(node)))
    configuration = yaml.safe_load((MANIFESTS / "base" / "settings.yaml").read_text())["data"]["settings.yaml"]
    (node / "settings.yaml").write_text(outside(configuration, node))
    running.run("patch --no-backup-if-mismatch kube-scheduler.yaml kube-scheduler.diff")
    command = [sys.executable, "-m", "extender", "run", f"--config={node / 'settings.yaml'}"]
    options = [f"--kubeconfig={control_plane.kubeconfig}", f"--port={port}", f"--health-port={health_port}"]
    with Process("extender", [*command, *options], node) as extender:
        extender.wait_until(lambda: answers_ok(f"http://127.0.0.1:{health_port}/readyz"), 20)
        with Process("kube-scheduler", kube_scheduler(node), node):
            await create(stage, INFERENCE.pods(stage.registry, "default-scheduler"), PODS)
            assert {pod.spec.node_name for pod in await all_bound(stage, "inference", 2)} <= set(ARM_NODES)


def backups(node: Path) -> list[Path]:
    """Files that the kubelet would take for further static pods."""
    return [*node.glob("*.orig"), *node.glob("*.rej")]


def static_pod(file: Path, node: Path) -> list[str]:
    """The command of a static pod. Every file that it names is mounted from where it is, at the same place."""
    pod = yaml.safe_load(file.read_text())["spec"]
    (container,) = pod["containers"]
    paths = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: paths[mount["name"]] for mount in container["volumeMounts"]}
    assert all(inside == outside for inside, outside in mounts.items())
    named = {word.partition("=")[2] for word in container["command"] if f"={ETC}" in word}
    assert named <= mounts.keys()
    return [word.replace(ETC, str(node)) for word in container["command"]]


def kube_scheduler(node: Path) -> list[str | Path]:
    """The static pod's command line, on a port of its own."""
    (_, *options) = static_pod(node / "kube-scheduler.yaml", node)
    assert f"--config={node / 'scheduler.yaml'}" in options
    return [binary("kube-scheduler"), *options, f"--secure-port={free_port()}", f"--cert-dir={node / 'certificates'}"]
