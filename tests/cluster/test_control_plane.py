"""The control plane that the real tests run on is the pinned one, guards its doors, and leaves nothing behind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.cluster import pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kube_client import ApiFailure, KubeClient
from tests.cluster.nodes import amd64_node
from tests.cluster.processes import ProcessFailed
from tests.cluster.recipes import KUBERNETES_VERSION

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real


async def test_the_api_server_is_the_pinned_version(kube: KubeClient) -> None:
    version = await kube.request("GET", "/version")
    assert version["gitVersion"] == f"v{KUBERNETES_VERSION}"


async def test_a_service_account_may_do_what_rbac_grants_and_nothing_else(
    control_plane: ControlPlane, kube: KubeClient, namespace: str
) -> None:
    await kube.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader"}}, namespace)
    group = "rbac.authorization.k8s.io"
    for manifest in (
        {
            "apiVersion": f"{group}/v1",
            "kind": "Role",
            "metadata": {"name": "reader"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "reader"},
            "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
        },
    ):
        await kube.apply(manifest, namespace)
    token = await kube.service_account_token("reader", namespace)

    async with KubeClient(control_plane.admin.as_user("reader", token)) as reader:
        assert await reader.list("Pod", namespace) == []
        with pytest.raises(ApiFailure) as refused:
            await reader.create(pods.pod("web", "acme/web:1"), namespace)

    assert refused.value.status == 403
    assert any(
        event["user"]["username"] == f"system:serviceaccount:{namespace}:reader" and event["verb"] == "create"
        for event in control_plane.audit_events()
    )


async def test_without_controllers_pods_and_nodes_are_taken_as_they_are(tmp_path: Path) -> None:
    with ControlPlane(tmp_path) as bare:
        async with KubeClient(bare.admin) as kube:
            node = await kube.create(amd64_node("amd-0"))
            pod = await kube.create(pods.pod("web", "acme/web:1"))
        assert "taints" not in node["spec"]
        assert pod["status"]["phase"] == "Pending"
        started = [process.pid for process in bare.processes]
        assert all(_exists(pid) for pid in started)

    assert not any(_exists(pid) for pid in started)
    assert not (tmp_path / "etcd-data").exists()


def test_a_server_that_refuses_to_start_is_shown_by_its_log_and_the_others_are_stopped(tmp_path: Path) -> None:
    control_plane = ControlPlane(tmp_path, api_server_flags=["--no-such-flag"])

    with pytest.raises(ProcessFailed, match=r"kube-apiserver ended with 1 before it was ready(?s:.)*no-such-flag"):
        control_plane.start()

    assert not any(process.alive for process in control_plane.processes)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
