"""On which platforms workloads could run: what counts as a workload, and how each stands to each platform."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from scheduler.commands.readiness import html, text
from scheduler.commands.readiness.assess import assess
from scheduler.commands.readiness.document import ReadinessReport, Standing
from scheduler.commands.readiness.workloads import Workload, read_workload
from scheduler.images.content import FailureCause, ImageAnswer, ImageFailure, declared_content
from scheduler.images.node_platform import typical_node
from scheduler.images.platform import parse_platform
from scheduler.images.pod_images import ResolvedImage, pod_images

AMD64, ARM64, WINDOWS = "linux/amd64", "linux/arm64", "windows(10.0.20348)/amd64"
TARGETS = {name: typical_node(parse_platform(name)) for name in (AMD64, ARM64, WINDOWS)}
KNOWN: dict[str, ImageAnswer] = {
    "both:1": declared_content((parse_platform(AMD64), parse_platform(ARM64))),
    "old:1": declared_content((parse_platform(AMD64),)),
    "gone:1": ImageFailure(FailureCause.NOT_FOUND, "registry r answered 404"),
}


def spec(*images: str, **more: Any) -> dict[str, Any]:
    return {"containers": [{"name": f"c{i}", "image": image} for i, image in enumerate(images)], **more}


def document(kind: str, name: str, pod_spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop", **more.pop("metadata", {})},
        "spec": {"template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec}, **more.pop("spec", {})},
        **more,
    }


def read(manifest: dict[str, Any]) -> Workload | None:
    return read_workload(manifest["kind"], json.dumps(manifest).encode())


def report(*manifests: dict[str, Any]) -> ReadinessReport:
    found = []
    for manifest in manifests:
        workload = read(manifest)
        assert workload is not None
        found.append((workload, tuple(ResolvedImage(i, KNOWN[i.image]) for i in pod_images(workload.pod))))
    return assess(found, TARGETS, {AMD64: 3})


def test_a_workload_runs_where_all_its_images_do() -> None:
    (row,) = report(document("Deployment", "web", spec("both:1", "old:1"), spec={"replicas": 3})).workloads
    assert (row.namespace, row.kind, row.name, row.pods) == ("shop", "Deployment", "web", 3)
    assert row.standings == {AMD64: Standing.READY, ARM64: Standing.BLOCKED, WINDOWS: Standing.BLOCKED}
    assert row.images == {ARM64: ["old:1"], WINDOWS: ["both:1", "old:1"]}


def test_an_image_that_blocks_counts_for_more_than_one_that_is_not_known() -> None:
    (row,) = report(document("Deployment", "web", spec("gone:1", "old:1"))).workloads
    assert row.standings == {AMD64: Standing.UNKNOWN, ARM64: Standing.BLOCKED, WINDOWS: Standing.BLOCKED}
    assert row.images[AMD64] == ["gone:1"]


ARM_ONLY = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {
                    "matchExpressions": [
                        {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]},
                        {"key": "disk", "operator": "Exists"},
                    ]
                }
            ]
        }
    }
}


@pytest.mark.parametrize(
    "pin",
    [
        {"nodeSelector": {"kubernetes.io/arch": "arm64"}},
        {"nodeSelector": {"beta.kubernetes.io/arch": "arm64", "disk": "ssd"}},
        {"affinity": ARM_ONLY},
    ],
)
def test_a_selector_for_another_platform_pins_the_workload_and_other_labels_do_not(pin: dict[str, Any]) -> None:
    (row,) = report(document("Deployment", "web", spec("both:1", **pin))).workloads
    assert (row.standings[AMD64], row.standings[ARM64]) == (Standing.PINNED, Standing.READY)


def test_the_operating_system_that_a_pod_names_pins_it_too() -> None:
    (row,) = report(document("Deployment", "web", spec("both:1", os={"name": "windows"}))).workloads
    assert row.standings[AMD64] is Standing.PINNED


def test_images_in_the_way_are_told_once_with_what_they_keep_from_where() -> None:
    found = report(
        document("Deployment", "a", spec("old:1")),
        document("Deployment", "b", spec("old:1", "both:1")),
        document("StatefulSet", "c", spec("gone:1")),
    )
    assert [(row.image, row.built_for, row.blocks) for row in found.images] == [
        ("old:1", ["linux/amd64"], {ARM64: 2, WINDOWS: 2}),
        ("gone:1", [], {AMD64: 1, ARM64: 1, WINDOWS: 1}),
        ("both:1", ["linux/amd64", "linux/arm64"], {WINDOWS: 1}),
    ]
    assert found.images[1].problem == "registry r answered 404"


def test_platforms_count_workloads_and_pods() -> None:
    (amd64, arm64, _) = report(
        document("Deployment", "a", spec("old:1"), spec={"replicas": 5}), document("Job", "b", spec("both:1"))
    ).platforms
    assert (amd64.nodes, amd64.workloads[Standing.READY], amd64.pods[Standing.READY]) == (3, 2, 5)
    assert (arm64.workloads[Standing.BLOCKED], arm64.pods[Standing.BLOCKED]) == (1, 5)


@pytest.mark.parametrize(
    ("manifest", "pods"),
    [
        (document("Deployment", "x", spec("a")), 1),
        (document("Deployment", "x", spec("a"), spec={"replicas": 0}), 0),
        (document("DaemonSet", "x", spec("a"), status={"desiredNumberScheduled": 7}), 7),
        (document("Job", "x", spec("a"), status={"active": 2}), 2),
        (document("ReplicaSet", "x", spec("a"), spec={"replicas": 4}), 4),
        ({"kind": "Pod", "metadata": {"name": "x", "namespace": "shop"}, "spec": spec("a")}, 1),
    ],
)
def test_every_kind_says_how_many_pods_it_stands_for(manifest: dict[str, Any], pods: int) -> None:
    workload = read(manifest)
    assert workload is not None
    assert (workload.pods, workload.key) == (pods, f"shop/{manifest['kind']}/x")


def test_a_cron_job_is_read_through_its_job() -> None:
    job = {"spec": {"template": {"spec": spec("a")}}}
    for suspend, pods in ((False, 1), (True, 0)):
        manifest = {
            "kind": "CronJob",
            "metadata": {"name": "x", "namespace": "shop"},
            "spec": {"suspend": suspend, "jobTemplate": job},
        }
        workload = read(manifest)
        assert workload is not None
        assert (workload.pods, [image.image for image in pod_images(workload.pod)]) == (pods, ["a"])


def owned(kind: str) -> dict[str, Any]:
    return {"ownerReferences": [{"kind": kind, "name": "o", "uid": "u", "apiVersion": "v", "controller": True}]}


@pytest.mark.parametrize(
    "manifest",
    [
        document("ReplicaSet", "x", spec("a"), metadata=owned("Deployment")),
        document("Job", "x", spec("a"), metadata=owned("CronJob")),
        {"kind": "Pod", "metadata": {"name": "x", "namespace": "n", **owned("ReplicaSet")}, "spec": spec("a")},
        {"kind": "Pod", "metadata": {"name": "x"}, "spec": spec("a"), "status": {"phase": "Succeeded"}},
        {
            "kind": "Pod",
            "metadata": {"name": "x", "annotations": {"kubernetes.io/config.mirror": "h"}},
            "spec": spec("a"),
        },
    ],
)
def test_what_another_one_manages_or_is_over_is_left_out(manifest: dict[str, Any]) -> None:
    assert read(manifest) is None


def test_what_a_custom_resource_manages_counts_itself() -> None:
    workload = read(document("Deployment", "x", spec("a"), metadata=owned("Rollout")))
    assert workload is not None


def test_the_page_holds_every_word_and_no_markup_from_the_cluster() -> None:
    found = report(document("Deployment", "<b>", spec("old:1")), document("Deployment", "web", spec("both:1")))
    page = html.page(found)
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert 'aria-label="1 ready, 1 blocked"' in page
    assert page.count('<div class="bar"') == 2 * len(TARGETS)
    assert "http" not in page


def test_the_tables_say_what_the_page_says() -> None:
    shown_on = io.StringIO()
    text.print_tables(Console(width=160, file=shown_on), report(document("Deployment", "web", spec("old:1"))))
    shown = shown_on.getvalue()
    assert "1 of 1" in shown
    assert "0 of 1, 1 blocked" in shown
    assert "Deployment web" in shown
