"""Whole workloads over a snapshot: what is placed, what makes room, what is left and why."""

from __future__ import annotations

import asyncio
import time

import msgspec

from scheduler.commands.simulate import BLIND, exit_code, registries
from scheduler.sandbox.registry import SandboxRegistry
from tests.builders import a_node, a_pod, a_pod_term, away, matching, near
from tests.commands.simulated import (
    PRIORITIES,
    a_template,
    a_wanted_pod,
    a_workload,
    an_object,
    nodes,
    on,
    simulated,
    two_platforms,
)
from tests.storage_builders import a_claim, a_storage_class, a_volume, claiming


def test_replicas_fill_the_nodes_and_the_rest_is_left_with_the_reason(tmp_path):
    outcome = simulated(tmp_path, nodes(a_node("a"), a_node("b")), [a_workload("Deployment", replicas=10)])
    assert (outcome.pods, len(outcome.placements), outcome.left) == (10, 8, 2)
    (group,) = outcome.unplaced
    assert group.reason == (
        "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: "
        "2 No preemption victims found for incoming pod."
    )
    assert group.workloads == {"Deployment shop/web": 2}
    assert len(group.pods) == 2
    assert exit_code(outcome) == 3


def test_pods_that_wait_in_the_snapshot_are_placed_too_unless_that_is_not_wanted(tmp_path):
    gone = a_pod("done", status={"phase": "Succeeded"})
    snapshot = [*nodes(a_node("a")), an_object("Pod", a_pod("waits")), an_object("Pod", gone)]
    assert on(simulated(tmp_path, snapshot)) == {"default/waits": "a"}
    assert simulated(tmp_path, snapshot, pending=False).pods == 0


def test_the_higher_priority_goes_first_though_it_comes_last(tmp_path):
    wanted = [*PRIORITIES, a_wanted_pod("low", "4"), a_wanted_pod("high", "4", priorityClassName="high")]
    outcome = simulated(tmp_path, nodes(a_node("a")), wanted)
    assert on(outcome) == {"default/high": "a"}
    assert outcome.evictions == []


def test_room_is_made_as_the_framework_decides_and_the_victims_are_told(tmp_path):
    placed = [an_object("Pod", a_pod(name, on=node, requests={"cpu": "3"})) for name, node in (("x", "a"), ("y", "b"))]
    budget = {
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "keep", "namespace": "default"},
        "spec": {"selector": matching(app="x")},
        "status": {"disruptionsAllowed": 0},
    }
    placed[0]["metadata"]["labels"] = {"app": "x"}
    snapshot = [*nodes(a_node("a"), a_node("b")), *placed, budget]
    outcome = simulated(tmp_path, snapshot, [*PRIORITIES, a_wanted_pod("high", "4", priorityClassName="high")])
    assert on(outcome) == {"default/high": "b"}
    assert [(gone.pod, gone.node, gone.preemptor) for gone in outcome.evictions] == [("default/y", "b", "default/high")]
    assert exit_code(outcome) == 0


def test_a_budget_that_is_spent_steers_the_next_preemption_away(tmp_path):
    """Both nodes hold one pod of the budget and one of none: the second preemption spares the budget."""
    kept = {"requests": {"cpu": "2"}, "labels": {"app": "x"}}
    placed = [
        *(an_object("Pod", a_pod(f"kept-{node}", on=node, **kept)) for node in "ab"),
        an_object("Pod", a_pod("free", on="c", requests={"cpu": "4"}, spec={"priority": 5})),
    ]
    budget = {
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "keep", "namespace": "default"},
        "spec": {"selector": matching(app="x")},
        "status": {"disruptionsAllowed": 1},
    }
    wanted = [a_wanted_pod(name, "4", priorityClassName="high") for name in ("first", "second")]
    outcome = simulated(tmp_path, [*nodes(*map(a_node, "abc")), *placed, budget], [*PRIORITIES, *wanted])
    assert [gone.pod for gone in outcome.evictions] == ["default/kept-a", "default/free"]
    assert len(outcome.placements) == 2


def test_a_pod_that_may_not_preempt_waits(tmp_path):
    placed = an_object("Pod", a_pod("x", on="a", requests={"cpu": "4"}))
    wanted = [*PRIORITIES, a_wanted_pod("meek", priorityClassName="quiet")]
    outcome = simulated(tmp_path, [*nodes(a_node("a")), placed], wanted)
    assert outcome.left == 1
    assert "not eligible due to preemptionPolicy=Never" in outcome.unplaced[0].reason
    assert outcome.evictions == []


def test_a_pod_is_tried_again_once_another_is_placed_that_it_wants_to_be_near(tmp_path):
    """The one that waits for the other has the higher priority, so it is tried first."""
    term = a_pod_term("kubernetes.io/hostname", matching(app="web"))
    follower = a_wanted_pod("follower", priorityClassName="high", **near(term))
    labels = {"kubernetes.io/hostname": "a"}
    wanted = [*PRIORITIES, follower, a_workload("Deployment", replicas=1)]
    wanted[-1]["metadata"]["namespace"] = "default"
    outcome = simulated(tmp_path, nodes(a_node("a", labels=labels), a_node("b", cpu="8")), wanted)
    placed = on(outcome)
    assert outcome.left == (0 if "a" in set(placed.values()) else 1)
    only_a = simulated(tmp_path, nodes(a_node("a", labels=labels)), wanted)
    assert only_a.left == 0
    assert set(on(only_a).values()) == {"a"}


def test_gates_keep_a_pod_out(tmp_path):
    outcome = simulated(tmp_path, nodes(a_node()), [a_wanted_pod("gated", schedulingGates=[{"name": "quota"}])])
    assert outcome.unplaced[0].reason == "waiting for scheduling gates: [quota]"


def test_a_pod_that_names_its_node_is_there_without_being_decided(tmp_path):
    outcome = simulated(tmp_path, nodes(a_node("a", unschedulable=True)), [a_wanted_pod("named", nodeName="a")])
    assert on(outcome) == {"default/named": "a"}
    assert outcome.utilisation[0].resources["cpu"].after == 1000


def test_without_nodes_nothing_is_placed_and_the_run_ends(tmp_path):
    outcome = simulated(tmp_path, [an_object("Namespace", {"metadata": {"name": "shop"}})], [a_wanted_pod("p")])
    assert outcome.unplaced[0].reason == "no nodes available to schedule pods"


# Volumes


def test_two_pods_do_not_get_the_same_volume(tmp_path):
    storage = [
        an_object("StorageClass", msgspec.to_builtins(a_storage_class(provisioner="kubernetes.io/no-provisioner"))),
        an_object("PersistentVolume", msgspec.to_builtins(a_volume("one"))),
        *(an_object("PersistentVolumeClaim", msgspec.to_builtins(a_claim(name))) for name in ("c1", "c2")),
    ]
    wanted = [a_wanted_pod(f"p{claim}", **claiming(claim)) for claim in ("c1", "c2")]
    outcome = simulated(tmp_path, [*nodes(a_node("a")), *storage], wanted)
    assert on(outcome) == {"default/pc1": "a"}
    assert "didn't find available persistent volumes to bind" in outcome.unplaced[0].reason


# Images


def test_images_are_looked_at_only_if_a_file_says_what_they_are_built_for(tmp_path):
    images = tmp_path / "images.yaml"
    images.write_text("app:1: [linux/arm64]\n")
    wanted = [a_workload("Deployment", replicas=3), a_wanted_pod("other", image="other:1")]
    blind = simulated(tmp_path, two_platforms(), wanted)
    assert blind.notes == [BLIND]
    assert set(on(blind).values()) == {"arm", "x86"}
    seeing = simulated(tmp_path, two_platforms(), wanted, images=images)
    assert set(on(seeing).values()) == {"arm"}
    assert seeing.unplaced[0].reason.startswith("0/2 nodes are available: 2 node(s) might not run image other:1")


def test_utilisation_is_counted_by_platform_before_and_after(tmp_path):
    placed = an_object("Pod", a_pod("x", on="arm", requests={"cpu": "500m", "memory": "1Gi"}))
    wanted = [a_wanted_pod("p", nodeSelector={"kubernetes.io/hostname": "x"})]
    labelled = a_node("x86", labels={"kubernetes.io/hostname": "x"})
    snapshot = [*nodes(a_node("arm", architecture="arm64"), labelled), placed]
    arm, x86 = simulated(tmp_path, snapshot, wanted).utilisation[::-1]
    assert (arm.platform, x86.platform) == ("linux/arm64/v8", "linux/amd64")
    assert [(use.before, use.after) for use in arm.resources.values()] == [(500, 500), (2**30, 2**30), (1, 1)]
    assert [(use.before, use.after) for use in x86.resources.values()] == [(0, 1000), (0, 0), (0, 1)]
    assert x86.resources["cpu"].allocatable == 4000


async def test_registries_are_asked_about_what_no_file_says(tmp_path):
    registry = SandboxRegistry()
    await registry.start()
    try:
        registry.push_index("shop/web", "1", ["linux/arm64"])
        images = tmp_path / "images.yaml"
        images.write_text("listed:1: [linux/amd64]\n")
        names = {
            "web": f"{registry.address}/shop/web:1",
            "gone": f"{registry.address}/shop/gone:1",
            "listed": "listed:1",
        }
        wanted = [a_wanted_pod(name, image=image) for name, image in names.items()]
        settings = registries([registry.address])
        more = {"images": images, "registries": settings}
        outcome = await asyncio.to_thread(simulated, tmp_path, two_platforms(), wanted, **more)
    finally:
        await registry.stop()
    assert on(outcome) == {"default/web": "arm", "default/listed": "x86"}
    assert outcome.unplaced[0].pods == ["default/gone"]
    assert [note for note in outcome.notes if note.startswith(f"image {names['gone']} could not be read: ")]


# Profiles


def test_of_several_profiles_the_one_that_a_pod_names_decides(tmp_path):
    configuration = tmp_path / "configuration.yaml"
    blind = "{multiPoint: {disabled: [{name: NodeUnschedulable}]}}"
    configuration.write_text(
        "{apiVersion: kubescheduler.config.k8s.io/v1, kind: KubeSchedulerConfiguration, "
        f"profiles: [{{schedulerName: a}}, {{schedulerName: b, plugins: {blind}}}]}}"
    )
    wanted = [a_wanted_pod(f"for-{name}", schedulerName=name) for name in "abc"]
    outcome = simulated(tmp_path, nodes(a_node("n", unschedulable=True)), wanted, configuration=configuration)
    assert on(outcome) == {"default/for-b": "n"}
    reasons = {group.pods[0]: group.reason for group in outcome.unplaced}
    assert "were unschedulable" in reasons["default/for-a"]
    assert reasons["default/for-c"] == "no profile is called 'c'"


# Size


def test_the_same_input_gives_the_same_placements(tmp_path):
    snapshot = nodes(*(a_node(f"n{i}") for i in range(20)))
    wanted = [a_workload("Deployment", replicas=30)]
    assert on(simulated(tmp_path, snapshot, wanted)) == on(simulated(tmp_path, snapshot, wanted))


def test_pods_that_fit_nowhere_cost_no_more_than_those_that_do(tmp_path):
    """What is found out about one pod holds for all that are alike, as long as nothing changes."""
    snapshot = nodes(*(a_node(f"n{i}") for i in range(500)))
    snapshot += [an_object("Pod", a_pod(f"p{i}", on=f"n{i}", requests={"cpu": "4"})) for i in range(500)]
    start = time.process_time()
    outcome = simulated(tmp_path, snapshot, [a_workload("Deployment", replicas=3000)])
    assert outcome.left == 3000
    assert time.process_time() - start < 5


def test_pods_that_keep_each_other_away_get_a_node_each(tmp_path):
    term = a_pod_term("kubernetes.io/hostname", matching(app="web"))
    snapshot = nodes(*(a_node(f"n{i}", labels={"kubernetes.io/hostname": f"n{i}"}) for i in range(5)))
    outcome = simulated(tmp_path, snapshot, [a_workload("Deployment", template=a_template(**away(term)), replicas=7)])
    assert (len(set(on(outcome).values())), outcome.left) == (5, 2)
