"""What `manifests` make of a cluster, and how tests look at it: kubectl, the account's permissions and what it used."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cluster.binaries import binary
from tests.cluster.registry import PASSWORD, USER

if TYPE_CHECKING:
    from tests.cluster.control_plane import ControlPlane

BASE = Path(__file__).parents[2] / "manifests" / "base"
NAME = "multiarch-scheduler"  # of the namespace, the ServiceAccount, the Deployment, the ConfigMap
ACCOUNT = f"system:serviceaccount:{NAME}:{NAME}"

Permission = tuple[str, str, str]  # API group, resource or resource/subresource, verb


def outside(settings: str) -> str:
    """The settings, fit for a scheduler that is no pod: it may ask registries on the loopback, and has no namespace."""
    assert settings.count("allowLoopback: false") == 1
    assert "leaderElection" not in settings
    settings = settings.replace("allowLoopback: false", "allowLoopback: true")
    return f"{settings}\nleaderElection: {{resourceNamespace: {NAME}}}\n"


def kubectl(control_plane: ControlPlane, *arguments: str) -> str:
    command = [str(binary("kubectl")), f"--kubeconfig={control_plane.kubeconfig}", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def know_prometheus(control_plane: ControlPlane) -> None:
    """The API server knows the kinds of the Prometheus operator that we make objects of."""
    kubectl(control_plane, "apply", "--server-side", "--filename", str(binary("prometheus-operator").parent))
    deadline = time.monotonic() + 30
    while kubectl(control_plane, "api-resources", "--api-group=monitoring.coreos.com", "--output=name").count("\n") < 2:
        assert time.monotonic() < deadline, "the custom resources are not served"
        time.sleep(0.2)


def no_rights(control_plane: ControlPlane) -> None:
    """Whatever roles and bindings somebody applied for our programs are gone."""
    kinds = "clusterroles,clusterrolebindings,roles,rolebindings"
    kubectl(
        control_plane, "delete", kinds, "--all-namespaces", "--selector=app.kubernetes.io/part-of=multiarch-scheduler"
    )


def requests(control_plane: ControlPlane, account: str = ACCOUNT, before: int = 0) -> list[dict[str, Any]]:
    """What the scheduler's account (or another one) asked of the API server, answered; after the first ``before``."""
    return [
        event
        for event in control_plane.audit_events()[before:]
        if event["user"]["username"] == account and event["stage"] == "ResponseComplete" and "objectRef" in event
    ]


def used(control_plane: ControlPlane, before: int, account: str = ACCOUNT) -> set[Permission]:
    """What the scheduler's account (or another one) asked for after the first ``before`` requests of all."""
    found = set()
    for event in (
        e for e in control_plane.audit_events()[before:] if e["user"]["username"] == account and "objectRef" in e
    ):
        reference = event["objectRef"]
        resource = "/".join(filter(None, (reference["resource"], reference.get("subresource"))))
        found.add((reference.get("apiGroup", ""), resource, event["verb"]))
    return found


def permissions(role: dict[str, Any]) -> set[Permission]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def pull_secret(registry: str) -> dict[str, Any]:
    auths = {"auths": {registry: {"username": USER, "password": PASSWORD}}}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "pull", "namespace": "default"},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(json.dumps(auths).encode()).decode()},
    }


def remove_deployments(control_plane: ControlPlane) -> None:
    """What other tests installed asks for pods, which wait for a scheduler. Tests that look at all pods want none."""
    for namespace in (NAME, "multiarch-extender", "multiarch-expander"):
        where = f"--namespace={namespace}"
        kubectl(control_plane, "delete", "deployments", "--all", where)
        kubectl(control_plane, "delete", "pods", "--all", where, "--grace-period=0", "--force")
