"""`manifests/opt-in` on the real API server: whose pods get the scheduler without saying so, and whose never do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster import pods
from tests.cluster.installation import kubectl
from tests.cluster.kube_client import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.kube_client import KubeClient

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

OPT_IN = Path(__file__).parents[2] / "manifests" / "opt-in"
LABEL = "multiarch-scheduler.io/enabled"
OURS, DEFAULT = "multiarch-scheduler", "default-scheduler"


@pytest.fixture
async def opted_in(control_plane: ControlPlane, kube: KubeClient, namespace: str) -> AsyncIterator[str]:
    """A namespace with the label, once the API server knows of the policy."""
    kubectl(control_plane, "apply", "--kustomize", str(OPT_IN))
    await kube.patch("Namespace", namespace, {"metadata": {"labels": {LABEL: "true"}}})

    async def is_known() -> bool:
        return await scheduler_of(kube, pod("probe"), namespace, dry_run=True) == OURS

    try:
        await eventually("the policy is known", is_known, 30.0)
        yield namespace
    finally:
        kubectl(control_plane, "delete", "--kustomize", str(OPT_IN))


def pod(name: str, **metadata: Any) -> dict[str, Any]:
    made = pods.pod(name, "shop/web:1", scheduler=DEFAULT)
    made["metadata"] |= metadata
    return made


async def scheduler_of(kube: KubeClient, manifest: dict[str, Any], namespace: str, *, dry_run: bool = False) -> str:
    """Which scheduler the pod is for, once the API server has taken it."""
    path = await kube.path("v1", "Pod", namespace)
    options = {"dryRun": "All"} if dry_run else {}
    answer = await kube.request("POST", path, manifest, **options)
    return str(answer["spec"]["schedulerName"])


async def test_pods_of_a_labelled_namespace_get_the_scheduler(kube: KubeClient, opted_in: str) -> None:
    assert await scheduler_of(kube, pod("silent"), opted_in) == OURS
    nameless = pod("nameless")
    del nameless["spec"]["schedulerName"]
    assert await scheduler_of(kube, nameless, opted_in) == OURS


async def test_pods_of_a_deployment_get_it_too(kube: KubeClient, opted_in: str) -> None:
    await kube.create(pods.deployment("web", 2, "shop/web:1", scheduler=DEFAULT), opted_in)

    async def made() -> list[str] | None:
        found = [each["spec"]["schedulerName"] for each in await kube.list("Pod", opted_in, labelSelector="app=web")]
        return found if len(found) == 2 else None

    assert await eventually("two pods", made) == [OURS, OURS]


def of_a_daemon_set() -> dict[str, Any]:
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "u", "controller": True}
    return pod("daemon", ownerReferences=[owner])


def placed_by_hand() -> dict[str, Any]:
    made = pod("placed")
    made["spec"]["nodeName"] = "somewhere"
    return made


def of_another_scheduler() -> dict[str, Any]:
    return pods.pod("other", "shop/web:1", scheduler="volcano")


@pytest.mark.parametrize(
    ("manifest", "scheduler"),
    [
        (of_a_daemon_set(), DEFAULT),
        (placed_by_hand(), DEFAULT),
        (of_another_scheduler(), "volcano"),
        (pod("out", labels={LABEL: "false"}), DEFAULT),
        (pod("own", labels={"app.kubernetes.io/name": "multiarch-scheduler"}), DEFAULT),
    ],
    ids=["of a DaemonSet", "with a node", "of another scheduler", "labelled to stay out", "the scheduler's own"],
)
async def test_pods_that_are_not_ours_to_place_are_left_alone(
    kube: KubeClient, opted_in: str, manifest: dict[str, Any], scheduler: str
) -> None:
    assert await scheduler_of(kube, manifest, opted_in, dry_run=True) == scheduler


async def test_a_namespace_without_the_label_and_the_control_planes_own_are_left_alone(
    kube: KubeClient, opted_in: str
) -> None:
    assert opted_in
    assert await scheduler_of(kube, pod("web"), "default", dry_run=True) == DEFAULT
    await kube.patch("Namespace", "kube-system", {"metadata": {"labels": {LABEL: "true"}}})
    try:
        assert await scheduler_of(kube, pod("web"), "kube-system", dry_run=True) == DEFAULT
    finally:
        await kube.patch("Namespace", "kube-system", {"metadata": {"labels": {LABEL: None}}})
