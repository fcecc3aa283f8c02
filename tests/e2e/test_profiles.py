"""Profiles of a KubeSchedulerConfiguration, each with a name of its own, in one scheduler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from scheduler.sandbox.demo import create
from scheduler.sandbox.process import scheduler_process
from scheduler.sandbox.scenario import LINUX_NODES, WINDOWS_2022_NODES, Workload
from scheduler.sandbox.stage import SandboxStage
from tests.scenarios.walking import PODS, all_bound, event_of, told_why

CONFIGURATION = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: first
- schedulerName: only-windows
  pluginConfig:
  - name: NodeAffinity
    args:
      addedAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms:
          - matchExpressions: [{key: kubernetes.io/os, operator: In, values: [windows]}]
"""


async def test_each_pod_is_decided_by_the_profile_that_it_names(empty_stage: SandboxStage, tmp_path: Path) -> None:
    (tmp_path / "profiles.yaml").write_text(CONFIGURATION)
    settings = tmp_path / "settings.yaml"
    settings.write_text("schedulerConfiguration: profiles.yaml\n")
    stage = empty_stage
    async with scheduler_process(stage.kubeconfig, tmp_path / "scheduler.log", f"--config={settings}"):
        for name, profile in (("web", "first"), ("other", "only-windows")):
            workload = Workload(name, ("shop/web:1.4",), 1, frozenset(LINUX_NODES))
            await create(stage, workload.pods(stage.registry, profile), PODS)
        (web,) = await all_bound(stage, "web", 1)
        assert web.spec.node_name in LINUX_NODES
        await told_why(stage, "other", "node(s) didn't match scheduler-enforced node affinity")
        for name, profile in (("web-0", "first"), ("other-0", "only-windows")):
            assert await reporters(stage, name) == {profile}


OF_IMAGES = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: patient
- schedulerName: guessing
  pluginConfig:
  - name: ImagePlatform
    args: {unknownImages: "assume:windows(10.0.20348.1)/amd64"}
- schedulerName: no-matter-what
  plugins:
    multiPoint:
      disabled: [{name: ImagePlatform}]
"""


async def test_each_profile_has_its_own_policy_for_images_that_cannot_be_read(
    empty_stage: SandboxStage, tmp_path: Path
) -> None:
    (tmp_path / "profiles.yaml").write_text(OF_IMAGES)
    settings = tmp_path / "settings.yaml"
    settings.write_text("schedulerConfiguration: profiles.yaml\n")
    stage = empty_stage
    async with scheduler_process(stage.kubeconfig, tmp_path / "scheduler.log", f"--config={settings}"):
        for profile in ("patient", "guessing", "no-matter-what"):
            workload = Workload(f"of-{profile}", ("secret/app:1",), 1, frozenset())
            await create(stage, workload.pods(stage.registry, profile), PODS)
        (guessed,) = await all_bound(stage, "of-guessing", 1)
        assert guessed.spec.node_name in WINDOWS_2022_NODES
        await all_bound(stage, "of-no-matter-what", 1)
        assert "404" in await told_why(stage, "of-patient", f"{stage.registry}/secret/app:1")


async def reporters(stage: SandboxStage, pod: str) -> set[str]:
    """By whom the pod was told of decisions."""
    await event_of(stage, pod, "Scheduled" if pod == "web-0" else "FailedScheduling")
    path = "/apis/events.k8s.io/v1/namespaces/default/events"
    events = msgspec.json.decode(await stage.client.request("GET", path))["items"]
    decided = [event for event in events if event["regarding"]["name"] == pod and "Schedul" in event["reason"]]
    return {event["reportingController"] for event in decided}


def test_a_wrong_configuration_stops_the_start_with_the_name_of_the_field(tmp_path: Path) -> None:
    (tmp_path / "profiles.yaml").write_text(CONFIGURATION.replace("first", "default-scheduler"))
    settings = tmp_path / "settings.yaml"
    settings.write_text("schedulerConfiguration: profiles.yaml\n")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],"
        " clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}]}"
    )
    done = subprocess.run(
        [sys.executable, "-m", "scheduler", "run", f"--config={settings}", f"--kubeconfig={kubeconfig}", "--port=0"],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "profiles[0].schedulerName: 'default-scheduler' belongs to kube-scheduler" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
