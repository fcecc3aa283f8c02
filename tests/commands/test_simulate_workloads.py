"""The pods that controllers would make of workloads, and what the API server would add to them."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.api.meta import OwnerReference
from scheduler.commands.simulation.admission import Admission
from scheduler.commands.simulation.documents import Sourced
from scheduler.commands.simulation.existing import Existing
from scheduler.commands.simulation.workloads import KINDS, Expander
from scheduler.commands.snapshot import InvalidObject
from tests.builders import a_node, a_pod, a_pod_term, a_taint, away, expressions, matching, required
from tests.commands.simulated import a_template, a_workload, an_object, nodes, on, simulated


def expanded(document, *, objects=(), pods=(), there=()):
    sourced = [Sourced("file", each["kind"], msgspec.Raw(msgspec.json.encode(each))) for each in (document, *objects)]
    return Expander(Admission(sourced), Existing(pods), list(there)).expand(sourced[0])


def owned(kind, name, pod, on="", labels=None):
    """A pod of the namespace ``shop`` that a controller owns."""
    built = a_pod(pod, namespace="shop", on=on, labels=labels)
    built.metadata.owner_references = [OwnerReference(kind=kind, name=name, controller=True)]
    return built


def names(found):
    return [pod.metadata.name for pod in found.pods]


def spec_of(template):
    (pod,) = expanded(a_workload("Deployment", template=template)).pods
    return pod.spec


# How many, and of whom


def test_a_deployment_makes_a_replica_set_whose_pods_carry_the_hash_of_the_template():
    found = expanded(a_workload("Deployment", replicas=3))
    (replica_set,) = found.objects
    of_template = found.pods[0].metadata.labels["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"web-{of_template}"
    assert replica_set["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": of_template}
    assert names(found) == [f"web-{of_template}-{i}" for i in range(3)]
    owner = found.pods[0].metadata.owner_references[0]
    assert (owner.kind, owner.name, owner.controller) == ("ReplicaSet", f"web-{of_template}", True)
    assert len({pod.metadata.uid for pod in found.pods}) == 3
    other = expanded(a_workload("Deployment", template=a_template("2")))
    assert other.pods[0].metadata.labels["pod-template-hash"] != of_template


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "Job"])
def test_one_replica_unless_it_says_otherwise(kind):
    assert len(expanded(a_workload(kind)).pods) == 1


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"])
def test_no_replicas_are_no_pods(kind):
    assert expanded(a_workload(kind, replicas=0)).pods == []


def test_pods_that_a_workload_has_already_count_among_its_replicas():
    labels = {"pod-template-hash": "5d8f"}
    there = [owned("ReplicaSet", "web-5d8f", f"web-5d8f-{i}", on="n", labels=labels) for i in range(2)]
    assert len(expanded(a_workload("Deployment", replicas=5), pods=there).pods) == 3
    assert len(expanded(a_workload("Deployment", replicas=1), pods=there).pods) == 0
    assert len(expanded(a_workload("Deployment", "other", replicas=5), pods=there).pods) == 5
    assert names(expanded(a_workload("ReplicaSet", "web-5d8f", replicas=3), pods=there)) == ["web-5d8f-2"]
    bare = [owned("ReplicaSet", "web", "web-x", on="n")]
    assert len(expanded(a_workload("ReplicaSet", replicas=5), pods=bare).pods) == 4


def test_a_stateful_set_numbers_its_pods_and_has_a_claim_for_each():
    claim = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    workload = a_workload("StatefulSet", replicas=3, ordinals={"start": 5}, volumeClaimTemplates=[claim])
    found = expanded(workload, pods=[owned("StatefulSet", "web", "web-6", on="n")])
    assert names(found) == ["web-5", "web-7"]
    assert found.pods[1].metadata.labels["apps.kubernetes.io/pod-index"] == "7"
    assert found.pods[1].spec.volumes[0].persistent_volume_claim.claim_name == "data-web-7"
    claims = [made["metadata"]["name"] for made in found.objects if made["kind"] == "PersistentVolumeClaim"]
    assert claims == ["data-web-5", "data-web-7"]


def test_a_job_runs_as_many_at_once_as_are_still_to_be_done():
    counts = [(3, None, 3), (3, 2, 2), (2, 9, 2), (0, 4, 0)]
    for parallelism, completions, pods in counts:
        more = {} if completions is None else {"completions": completions}
        assert len(expanded(a_workload("Job", parallelism=parallelism, **more)).pods) == pods
    assert expanded(a_workload("Job", suspend=True)).pods == []


def test_a_cron_job_is_one_run():
    spec = {"jobTemplate": {"spec": {"template": a_template()}}}
    job = {"kind": "CronJob", "metadata": {"name": "night"}, "spec": spec}
    assert names(expanded(job)) == ["night-run-0"]
    job["spec"]["suspend"] = True
    assert names(expanded(job)) == []


def test_a_name_that_is_to_be_generated_is_made_up():
    pod = {"kind": "Pod", "metadata": {"generateName": "run-"}, "spec": a_template()["spec"]}
    assert names(expanded(pod)) == ["run-1"]


def test_an_ephemeral_volume_has_a_claim_that_is_the_pods():
    volume = {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": {"storageClassName": "fast"}}}}
    found = expanded(a_workload("Deployment", template=a_template(volumes=[volume])))
    claim = found.objects[-1]
    assert claim["metadata"]["name"] == f"{found.pods[0].metadata.name}-scratch"
    assert claim["metadata"]["ownerReferences"][0]["uid"] == found.pods[0].metadata.uid


# Daemons


def daemon_nodes(workload, *there, pods=()):
    found = expanded(workload, there=there, pods=pods)
    return [name.removeprefix("web-") for name in names(found)]


def test_a_daemon_runs_on_every_node_that_its_selector_and_affinity_select():
    there = [a_node("a", labels={"disk": "ssd"}), a_node("b", labels={"disk": "hdd"}), a_node("c")]
    assert daemon_nodes(a_workload("DaemonSet"), *there) == ["a", "b", "c"]
    selector = a_workload("DaemonSet", template=a_template(nodeSelector={"disk": "ssd"}))
    assert daemon_nodes(selector, *there) == ["a"]
    affinity = {"nodeAffinity": required(expressions(("disk", "Exists", [])))}
    assert daemon_nodes(a_workload("DaemonSet", template=a_template(affinity=affinity)), *there) == ["a", "b"]


def test_a_daemon_stays_off_tainted_nodes_but_tolerates_what_daemons_do():
    there = [
        a_node("dedicated", taints=[a_taint("team")]),
        a_node("wary", taints=[a_taint("team", effect="PreferNoSchedule")]),
        a_node("cordoned", taints=[a_taint("node.kubernetes.io/unschedulable")], unschedulable=True),
        a_node("lost", taints=[a_taint("node.kubernetes.io/unreachable", effect="NoExecute")]),
        a_node("offline", taints=[a_taint("node.kubernetes.io/network-unavailable")]),
    ]
    assert daemon_nodes(a_workload("DaemonSet"), *there) == ["wary", "cordoned", "lost"]
    on_host = a_workload("DaemonSet", template=a_template(hostNetwork=True))
    assert daemon_nodes(on_host, *there) == ["wary", "cordoned", "lost", "offline"]


def test_a_node_that_has_its_daemon_gets_no_other():
    there = [owned("DaemonSet", "web", "web-x1", on="a")]
    assert daemon_nodes(a_workload("DaemonSet"), a_node("a"), a_node("b"), pods=there) == ["b"]


def test_a_daemon_goes_to_its_own_node_only(tmp_path):
    full = an_object("Pod", a_pod("full", on="b", requests={"cpu": "4"}))
    snapshot = [*nodes(a_node("a"), a_node("b"), a_node("c", unschedulable=True)), full]
    outcome = simulated(tmp_path, snapshot, [a_workload("DaemonSet")])
    assert on(outcome) == {"shop/web-a": "a", "shop/web-c": "c"}
    assert outcome.unplaced[0].pods == ["shop/web-b"]


# What the API server adds


def test_a_limit_is_a_request_as_well_and_ports_on_the_hosts_network_are_the_hosts():
    container = {"name": "c", "resources": {"limits": {"cpu": "2"}}, "ports": [{"containerPort": 80}]}
    spec = spec_of({"spec": {"containers": [container], "hostNetwork": True}})
    assert spec.containers[0].resources.requests == {"cpu": "2"}
    assert spec.containers[0].ports[0].host_port == 80


def test_every_pod_tolerates_a_node_in_trouble_for_a_while():
    tolerated = {(toleration.key, toleration.effect) for toleration in spec_of(a_template()).tolerations}
    assert tolerated == {(f"node.kubernetes.io/{what}", "NoExecute") for what in ("not-ready", "unreachable")}


def test_the_priority_is_that_of_the_class_or_of_the_class_for_all_others():
    high = {"kind": "PriorityClass", "metadata": {"name": "high"}, "value": 7, "preemptionPolicy": "Never"}
    usual = {"kind": "PriorityClass", "metadata": {"name": "usual"}, "value": 3, "globalDefault": True}

    def priority(*objects, **spec):
        found = expanded(a_workload("Job", template=a_template(**spec)), objects=objects).pods[0].spec
        return found.priority, found.preemption_policy

    assert priority() == (0, "PreemptLowerPriority")
    assert priority(high, usual) == (3, "PreemptLowerPriority")
    assert priority(high, usual, priorityClassName="high") == (7, "Never")
    assert priority(priorityClassName="system-node-critical") == (2_000_001_000, "PreemptLowerPriority")


def test_a_runtime_class_adds_its_overhead_and_its_nodes():
    runtime = {
        "kind": "RuntimeClass",
        "metadata": {"name": "vm"},
        "overhead": {"podFixed": {"cpu": "250m"}},
        "scheduling": {"nodeSelector": {"vm": "yes"}, "tolerations": [{"key": "vm", "operator": "Exists"}]},
    }
    workload = a_workload("Job", template=a_template(runtimeClassName="vm", nodeSelector={"a": "b"}))
    spec = expanded(workload, objects=[runtime]).pods[0].spec
    assert spec.overhead == {"cpu": "250m"}
    assert spec.node_selector == {"a": "b", "vm": "yes"}
    assert "vm" in {toleration.key for toleration in spec.tolerations}


def test_label_keys_of_pod_affinity_become_part_of_the_selector():
    term = a_pod_term("zone", matching(app="web"), matchLabelKeys=["pod-template-hash"], mismatchLabelKeys=["app"])
    found = expanded(a_workload("Deployment", template=a_template(**away(term))))
    of_template = found.pods[0].metadata.labels["pod-template-hash"]
    selector = found.pods[0].spec.affinity.pod_anti_affinity.required[0].label_selector
    read = [(each.key, each.operator, each.values) for each in selector.match_expressions]
    assert read == [("pod-template-hash", "In", [of_template]), ("app", "NotIn", ["web"])]


def test_a_claim_that_names_no_class_gets_the_default_one():
    annotated = {"name": "usual", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    workload = a_workload("StatefulSet", volumeClaimTemplates=[{"metadata": {"name": "data"}, "spec": {}}])
    found = expanded(workload, objects=[{"kind": "StorageClass", "metadata": annotated}])
    assert found.objects[-1]["spec"] == {"storageClassName": "usual"}


# What is wrong


ODD = [
    (a_workload("Deployment", replicas=-1), "spec.replicas: Expected `int` >= 0"),
    ({"kind": "Deployment", "metadata": {"name": "x"}}, "Object missing required field `spec`"),
    (a_workload("Job", template={"spec": {}}), "spec.template.spec.containers: a pod must have one"),
    (a_workload("Job", template={}), "spec.template.spec: Expected `object`, got `null`"),
    (
        a_workload("Job", template=a_template(tolerations={})),
        "spec.template.spec.tolerations: Expected `array`, got `object`",
    ),
    (
        a_workload("Job", template=a_template(priorityClassName="x")),
        "spec.template.spec.priorityClassName: no PriorityClass 'x' is among the objects",
    ),
    (
        a_workload("Job", template=a_template(runtimeClassName="x")),
        "spec.template.spec.runtimeClassName: no RuntimeClass 'x' is among the objects",
    ),
    (
        a_workload("Job", template=a_template("much")),
        "spec.template.spec.containers[0].resources.requests.cpu: 'much' is not a resource quantity",
    ),
]


@pytest.mark.parametrize(("document", "message"), ODD, ids=[message for _, message in ODD])
def test_what_is_wrong_is_named_by_its_field(document, message):
    with pytest.raises(InvalidObject) as failure:
        expanded(document)
    assert str(failure.value).startswith(f"file ({document['kind']}): {message}")


def test_a_pod_without_a_name_and_one_that_is_there_twice_are_refused(tmp_path):
    with pytest.raises(InvalidObject, match=r"metadata.name: is missing"):
        expanded({"kind": "Pod", "spec": a_template()["spec"]})
    pod = {"kind": "Pod", "metadata": {"name": "p"}, "spec": a_template()["spec"]}
    with pytest.raises(InvalidObject, match=r"pod default/p is in the snapshot already"):
        expanded(pod, pods=[a_pod("p")])
    with pytest.raises(InvalidObject, match=r"document 2: pod default/p is made by .*document 1 already"):
        simulated(tmp_path, [], [pod, pod])


PRIORITY = {"kind": "PriorityClass", "metadata": {"name": "x"}, "value": "much"}
RUNTIME = {"kind": "RuntimeClass", "metadata": {"name": "x"}, "scheduling": {"nodeSelector": ["a"]}}


@pytest.mark.parametrize(
    ("odd", "message"), [(PRIORITY, "value: Expected"), (RUNTIME, "scheduling.nodeSelector: Expected")]
)
def test_a_class_that_makes_no_sense_is_named(odd, message):
    with pytest.raises(InvalidObject, match=rf"^file \({odd['kind']}\): {message}"):
        expanded(a_workload("Job"), objects=[odd])


FIELDS = ["metadata", "spec", "template", "containers", "labels", "resources", "requests", "volumes", "name"]
ODDITIES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "x", "1", "500m"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_whatever_stands_in_a_workload_is_made_pods_or_named(kind, data):
    """One part of a sound workload is replaced by anything."""
    job = {"jobTemplate": {"spec": {"template": a_template(volumes=[{"name": "v", "emptyDir": {}}])}}}
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    sound = a_workload(kind, template=a_template(), volumeClaimTemplates=[claim])
    sound["spec"] |= job | {"containers": a_template()["spec"]["containers"]}
    place = sound
    while isinstance(place, dict | list) and place:
        keys = sorted(set(place) - {"kind"}) if isinstance(place, dict) else range(len(place))
        if not keys:
            break
        key = data.draw(st.sampled_from(list(keys)))
        if data.draw(st.booleans()) or not isinstance(place[key], dict | list) or not place[key]:
            place[key] = data.draw(ODDITIES)
            break
        place = place[key]
    with contextlib.suppress(InvalidObject):
        found = expanded(sound, there=[a_node("a")])
        assert all(pod.metadata.name for pod in found.pods)
