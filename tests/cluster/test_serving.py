"""Who may read the scheduler's metrics, by the word of the real API server."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

import aiohttp
import pytest

from scheduler.sandbox.process import SchedulerProcess, scheduler_process
from tests.cluster.kube_client import eventually
from tests.kube.pki import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.kube_client import KubeClient

pytestmark = pytest.mark.real

RBAC = "rbac.authorization.k8s.io"
GRANTS = {
    "system:kube-scheduler": "server",
    "system:auth-delegator": "server",
    "multiarch-test-metrics": "prometheus",
}
"""ClusterRole -> the ServiceAccount that has it."""


async def test_metrics_over_tls_are_for_those_whom_a_cluster_role_lets_read_them(
    control_plane: ControlPlane, kube: KubeClient, namespace: str, tmp_path: Path
) -> None:
    for account in ("server", "prometheus", "stranger"):
        await kube.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}}, namespace)
    rules = [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    name = "multiarch-test-metrics"
    await kube.apply({"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules})
    for role, account in GRANTS.items():
        await kube.apply(
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": f"multiarch-test-{role.replace(':', '-')}"},
                "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
            }
        )
    authority = Authority()
    for file, pem in zip(("tls.crt", "tls.key"), authority.issue("scheduler"), strict=True):
        (tmp_path / file).write_bytes(pem)
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        f"serving: {{host: 127.0.0.1, authorization: delegated,"
        f" tls: {{certificate: {tmp_path / 'tls.crt'}, key: {tmp_path / 'tls.key'}}}}}\n"
    )
    token = await kube.service_account_token("server", namespace)
    kubeconfig = control_plane.admin.as_user("server", token).write_kubeconfig(tmp_path / "server.kubeconfig")
    trusting = ssl.create_default_context(cadata=authority.pem.decode())
    async with (
        scheduler_process(kubeconfig, tmp_path / "scheduler.log", f"--config={settings}") as scheduler,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session,
    ):
        url = await address(scheduler)

        async def get(path: str, account: str | None) -> tuple[int, str]:
            headers = {}
            if account is not None:
                bearer = await kube.service_account_token(account, namespace)
                headers["Authorization"] = f"Bearer {bearer}"
            async with session.get(url + path, headers=headers) as answer:
                return answer.status, await answer.text()

        assert (await get("/healthz", None)) == (200, "ok")
        assert (await get("/metrics", None))[0] == 401
        status, text = await get("/metrics", "prometheus")
        assert (status, "scheduler_pending_pods" in text) == (200, True)
        status, text = await get("/metrics", "stranger")
        assert status == 403
        assert f'user "system:serviceaccount:{namespace}:stranger" may not get /metrics' in text
        assert (await get("/configz", "prometheus"))[0] == 403
        async with session.get(f"{url}/metrics", headers={"Authorization": "Bearer forged"}) as answer:
            assert answer.status == 401


async def address(scheduler: SchedulerProcess) -> str:
    async def found() -> str | None:
        scheduler.check()
        port = re.search(r"health_port=(\d+)", scheduler.log.read_text())
        return None if port is None else f"https://127.0.0.1:{port[1]}"

    return await eventually("the scheduler serves", found)
