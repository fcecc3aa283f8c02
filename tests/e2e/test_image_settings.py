"""Settings about images, as an operator meets them: on the running scheduler, in its metrics, in what pods are told."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from scheduler.sandbox.demo import SCHEDULER_NAME, create
from scheduler.sandbox.process import SchedulerProcess, scheduler_process
from scheduler.sandbox.registry_images import Entry, build_image, build_index
from scheduler.sandbox.scenario import AMD64, ARM64, ScenarioImage, Workload
from scheduler.sandbox.stage import SandboxStage
from tests.scenarios.walking import PODS, all_bound, told_why


def write(folder: Path, text: str) -> str:
    settings = folder / "settings.yaml"
    settings.write_text(text)
    return f"--config={settings}"


async def metrics(scheduler: SchedulerProcess) -> dict[str, dict[tuple[str, ...], float]]:
    """Name -> values of the labels, in the order of their names -> value."""
    port = re.search(r"health_port=(\d+)", scheduler.last_lines(100))
    assert port is not None
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port[1]}/metrics") as response,
    ):
        text = await response.text()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(value for _, value in sorted(sample.labels.items()))] = sample.value
    return found


async def test_a_deep_check_keeps_a_mislabelled_image_from_running(empty_stage: SandboxStage, tmp_path: Path) -> None:
    image = build_image(AMD64, "wrong/label")
    empty_stage.images.push("wrong/label", None, image)
    empty_stage.images.push_document("wrong/label", "1", build_index([Entry(image.manifest, ARM64)]))
    workload = Workload("mislabelled", ("wrong/label:1",), 1, frozenset())
    option = write(tmp_path, "images: {deepCheck: true}\n")
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log", option):
        await create(empty_stage, workload.pods(empty_stage.registry, SCHEDULER_NAME), PODS)
        await told_why(empty_stage, "mislabelled", "its index and its config name different platforms")


async def test_a_registry_that_may_not_be_asked_is_named_in_what_the_pod_is_told(
    empty_stage: SandboxStage, tmp_path: Path
) -> None:
    workload = Workload("web", ("shop/web:1.4",), 1, frozenset())
    option = write(tmp_path, "images: {registries: {allowLoopback: false}}\n")
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log", option):
        await create(empty_stage, workload.pods(empty_stage.registry, SCHEDULER_NAME), PODS)
        await told_why(empty_stage, "web", f"registry {empty_stage.registry} is at an address that may not be asked")
    assert not empty_stage.images.requests


async def test_metrics_tell_of_registries_and_of_the_cache(empty_stage: SandboxStage, tmp_path: Path) -> None:
    image = ScenarioImage("counted/app", "1", (AMD64, ARM64))
    empty_stage.push(image)
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log") as scheduler:
        for name, count in (("first", 1), ("second", 3)):
            workload = Workload(name, (image.name,), count, frozenset())
            await create(empty_stage, workload.pods(empty_stage.registry, SCHEDULER_NAME), PODS)
            await all_bound(empty_stage, name, count)
        found = await metrics(scheduler)
    host = empty_stage.registry
    requests = found["image_platform_registry_requests_total"]
    assert requests == {("HEAD", host, "2xx"): 1, ("GET", host, "2xx"): 1}
    assert found["image_platform_cache_lookups_total"] == {("hit",): 3, ("miss",): 1}
    assert found["image_platform_cache_bytes"][()] > 0


async def test_a_cluster_without_the_custom_resource_costs_sharing_and_nothing_else(
    empty_stage: SandboxStage, tmp_path: Path
) -> None:
    option = write(tmp_path, "sharing: {enabled: true}\n")
    async with scheduler_process(empty_stage.kubeconfig, tmp_path / "scheduler.log", option) as scheduler:
        workload = Workload("web", ("shop/web:1.4",), 1, frozenset())
        await create(empty_stage, workload.pods(empty_stage.registry, SCHEDULER_NAME), PODS)
        await all_bound(empty_stage, "web", 1)
        log = scheduler.last_lines(100)
        assert "watching imageplatforms: " in log
        assert "starting without what is known of images" in log
