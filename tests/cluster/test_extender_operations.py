"""What an operator meets: TLS, preemption, an extender that is down, and one that is replaced while it works."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.scenario import ARM_NODES, LINUX_NODES, Workload
from tests.cluster.extender import QUICK_STOP, ExtenderProcess
from tests.cluster.kube_scheduler import KubeScheduler
from tests.cluster.test_extender import scenario_stage
from tests.kube.pki import Authority
from tests.scenarios.walking import PODS, all_bound, eventually, pods_of, sized, told_why

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kwok import Kwok
    from tests.cluster.stage import RealStage

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

INFERENCE = Workload("inference", ("shop/inference:0.9",), 2, frozenset(ARM_NODES))
WEB = Workload("web", ("shop/web:1.4",), 2, frozenset(LINUX_NODES))
SCHEDULER = "default-scheduler"


@pytest.fixture
async def stage(control_plane: ControlPlane, kwok: Kwok, publisher: Publisher) -> AsyncIterator[RealStage]:
    """The scenario's nodes and images; who schedules is up to the test."""
    assert kwok.alive
    async with scenario_stage(control_plane, publisher) as stage:
        yield stage


@contextlib.contextmanager
def scheduling(folder: Path, stage: RealStage, settings: str = QUICK_STOP, **wanted: Any) -> Iterator[ExtenderProcess]:
    """kube-scheduler and the extender at work."""
    extender = ExtenderProcess(folder, stage.kubeconfig, settings, **wanted)
    with extender, KubeScheduler(folder, stage.kubeconfig, extender.configuration()):
        yield extender


class Certificates:
    """Of the extender and of kube-scheduler, in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers, self.callers = Authority("servers"), Authority("callers")
        self.renew()
        (folder / "servers.crt").write_bytes(self.servers.pem)
        (folder / "callers.crt").write_bytes(self.callers.pem)
        certificate, key = self.callers.issue("kube-scheduler")
        (folder / "caller.crt").write_bytes(certificate)
        (folder / "caller.key").write_bytes(key)

    def renew(self) -> None:
        certificate, key = self.servers.issue("extender")
        (self.folder / "tls.key").write_bytes(key)
        (self.folder / "tls.crt").write_bytes(certificate)

    def settings(self, *, mutual: bool) -> str:
        authority = f", clientAuthority: {self.folder / 'callers.crt'}" if mutual else ""
        files = f"certificate: {self.folder / 'tls.crt'}, key: {self.folder / 'tls.key'}{authority}"
        return f"listening: {{drainSeconds: 0, tls: {{{files}, periodSeconds: 0.2}}}}"

    def wanted(self, *, mutual: bool) -> dict[str, str]:
        own = {"cert_file": str(self.folder / "caller.crt"), "key_file": str(self.folder / "caller.key")}
        return {"ca_file": str(self.folder / "servers.crt"), **(own if mutual else {})}


@pytest.mark.parametrize("mutual", [False, True], ids=["tls", "mutual tls"])
async def test_kube_scheduler_calls_over_tls_before_and_after_a_renewal(
    stage: RealStage, tmp_path: Path, mutual: bool
) -> None:
    certificates = Certificates(tmp_path)
    with scheduling(
        tmp_path, stage, certificates.settings(mutual=mutual), **certificates.wanted(mutual=mutual)
    ) as extender:
        await create(stage, INFERENCE.pods(stage.registry, SCHEDULER), PODS)
        assert {pod.spec.node_name for pod in await all_bound(stage, "inference", 2)} <= INFERENCE.runs_on
        certificates.renew()
        await create(stage, WEB.pods(stage.registry, SCHEDULER), PODS)
        assert {pod.spec.node_name for pod in await all_bound(stage, "web", 2)} <= WEB.runs_on
        assert "are not used" not in extender.log.read_text()


async def test_a_caller_without_a_certificate_schedules_nothing(stage: RealStage, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    with scheduling(
        tmp_path, stage, certificates.settings(mutual=True), **certificates.wanted(mutual=False)
    ) as extender:
        await create(stage, INFERENCE.pods(stage.registry, SCHEDULER), PODS)
        await told_why(stage, "inference", f"{extender.wanted.url}/filter")
        assert 'extender_requests_total{result="ok",verb="filter"} 0.0' in extender.metrics()
        assert not any(pod.spec.node_name for pod in await pods_of(stage, "inference"))


async def test_a_high_priority_arm64_pod_evicts_nobody_where_it_could_not_run(stage: RealStage, tmp_path: Path) -> None:
    """All nodes are full of less important pods, so kube-scheduler's own filters refuse every node before ours is
    asked: only the preempt verb can tell it which pods would die for nothing."""
    priority = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "high"},
        "value": 1000,
    }
    await create(stage, [priority], "/apis/scheduling.k8s.io/v1/priorityclasses")
    try:
        with scheduling(tmp_path, stage) as extender:
            fillers = Workload("filler", ("shop/agent:3.1",), 6, frozenset())
            await create(stage, sized(fillers.pods(stage.registry, SCHEDULER), cpu="3"), PODS)
            placed = {pod.metadata.name: pod.spec.node_name for pod in await all_bound(stage, "filler", 6)}
            assert len(set(placed.values())) == 6
            important = Workload("important", ("shop/inference:0.9",), 1, frozenset(ARM_NODES))
            (pod,) = sized(important.pods(stage.registry, SCHEDULER), cpu="3")
            pod["spec"]["priorityClassName"] = "high"
            await create(stage, [pod], PODS)
            (bound,) = await all_bound(stage, "important", 1)
            left = {pod.metadata.name for pod in await pods_of(stage, "filler")}
            evicted = {node for name, node in placed.items() if name not in left}
            assert evicted == {bound.spec.node_name}
            assert evicted <= set(ARM_NODES)
            assert 'extender_requests_total{result="ok",verb="preempt"}' in extender.metrics()
            answered = [
                line
                for line in extender.metrics().splitlines()
                if "nodes_total{direction" in line and "preempt" in line
            ]
            counts = {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in answered}
            assert counts["in"] > counts["out"] > 0
    finally:
        await stage.client.delete("/apis/scheduling.k8s.io/v1/priorityclasses/high")


async def test_without_the_extender_nothing_is_scheduled_until_it_is_back(stage: RealStage, tmp_path: Path) -> None:
    with scheduling(tmp_path, stage) as extender:
        extender.stop()
        await create(stage, INFERENCE.pods(stage.registry, SCHEDULER), PODS)
        await told_why(stage, "inference", "connection refused")
        extender.start()
        assert {pod.spec.node_name for pod in await all_bound(stage, "inference", 2)} <= INFERENCE.runs_on


async def test_an_ignorable_extender_that_is_down_lets_pods_land_anywhere(stage: RealStage, tmp_path: Path) -> None:
    with scheduling(tmp_path, stage, ignorable=True) as extender:
        extender.stop()
        blind = Workload("inference", ("shop/inference:0.9",), 24, frozenset())
        await create(stage, blind.pods(stage.registry, SCHEDULER), PODS)
        used = {pod.spec.node_name for pod in await all_bound(stage, "inference", 24)}
        assert used - set(ARM_NODES), "kube-scheduler looks at no platform, so some must be misplaced"


async def test_an_extender_replaced_by_another_under_load_loses_no_pod(stage: RealStage, tmp_path: Path) -> None:
    """It drains: every call that it took is answered, and the next one goes to whoever listens then."""
    with scheduling(tmp_path, stage, "listening: {drainSeconds: 1}") as extender:
        many = Workload("web", ("shop/web:1.4",), 120, frozenset(LINUX_NODES))
        await create(stage, sized(many.pods(stage.registry, SCHEDULER), cpu="1m")[:60], PODS)
        extender.stop()
        await create(stage, sized(many.pods(stage.registry, SCHEDULER), cpu="1m")[60:], PODS)
        extender.start()
        assert {pod.spec.node_name for pod in await all_bound(stage, "web", 120)} <= many.runs_on


async def test_pods_of_another_scheduler_are_none_of_our_business(stage: RealStage, tmp_path: Path) -> None:
    settings = "{listening: {drainSeconds: 0}, schedulerNames: [default-scheduler]}"
    with scheduling(tmp_path, stage, settings) as extender:
        await create(stage, WEB.pods(stage.registry, "somebody-else"), PODS)
        await create(stage, INFERENCE.pods(stage.registry, SCHEDULER), PODS)
        await all_bound(stage, "inference", 2)

        async def scraped() -> bool:
            return 'extender_size{of="image_sets"} 0.0' in extender.metrics()

        await eventually("all look-ups ended", scraped)
        assert 'image_platform_resolutions_total{result="known"} 1.0' in extender.metrics()
