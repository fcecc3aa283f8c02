"""Which pods share a class: those that no plugin can tell apart."""

import gc

import pytest

from scheduler.cluster.pod_class import PodClasses
from scheduler.cluster.pod_info import make_pod_info, uid_of
from tests.builders import a_container, a_pod, expressions, required
from tests.images.builders import AMD64, ARM64, an_image, resolved


def volumes(*sources):
    return {"volumes": [{"name": f"v{number}", **source} for number, source in enumerate(sources)]}


ALIKE = {
    "replicas": (a_pod("web-1"), a_pod("web-2")),
    "other labels": (a_pod("a", labels={"app": "a"}), a_pod("b", labels={"app": "b"})),
    "token volumes of random names": (
        a_pod("a", spec={"volumes": [{"name": "kube-api-access-abcde", "projected": {}}]}),
        a_pod("b", spec={"volumes": [{"name": "kube-api-access-vwxyz", "projected": {}}]}),
    ),
    "other scheduler, priority and account": (
        a_pod("a"),
        a_pod("b", spec={"schedulerName": "other", "priority": 5, "serviceAccountName": "robot"}),
    ),
}

APART = {
    "requests": (a_pod(), a_pod(requests={"cpu": "1"})),
    "image": (a_pod(), a_pod(image="other:1")),
    "node selector": (a_pod(), a_pod(selector={"disk": "ssd"})),
    "affinity": (a_pod(), a_pod(node_affinity=required(expressions(("disk", "Exists", []))))),
    "tolerations": (a_pod(), a_pod(tolerations=[{"operator": "Exists"}])),
    "host ports": (a_pod(), a_pod(ports=[{"hostPort": 80}])),
    "init containers": (a_pod(), a_pod(spec={"initContainers": [a_container()]})),
    "node name": (a_pod(), a_pod(on="node")),
    "overhead": (a_pod(), a_pod(spec={"overhead": {"cpu": "1"}})),
    "pod-level resources": (a_pod(), a_pod(spec={"resources": {"requests": {"cpu": "1"}}})),
    "operating system": (a_pod(), a_pod(spec={"os": {"name": "windows"}})),
    "operating system label": (a_pod(), a_pod(labels={"kubernetes.io/os": "windows"})),
    "image volumes": (a_pod(), a_pod(spec=volumes({"image": {"reference": "data:1"}}))),
    "claims": (a_pod(), a_pod(spec=volumes({"persistentVolumeClaim": {"claimName": "data"}}))),
    "kinds of volume": (a_pod(spec=volumes({"rbd": {}})), a_pod(spec=volumes({"iscsi": {}}))),
    "spread constraints": (a_pod(), a_pod(spec={"topologySpreadConstraints": [{"maxSkew": 1}]})),
    "pod affinity": (
        a_pod(),
        a_pod(spec={"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}}),
    ),
    "resource claims": (a_pod(), a_pod(spec={"resourceClaims": [{"name": "gpu"}]})),
}


@pytest.mark.parametrize("what", ALIKE)
def test_pods_that_differ_in_nothing_that_matters_are_one_class(what):
    classes = PodClasses()
    one, other = ALIKE[what]
    assert classes.of(one, None) is classes.of(other, None)


@pytest.mark.parametrize("what", APART)
def test_pods_that_differ_in_what_a_plugin_reads_are_two_classes(what):
    classes = PodClasses()
    one, other = APART[what]
    first = classes.of(one, None)
    assert first is not classes.of(other, None)
    assert first is classes.of(one, None)


def test_what_is_known_of_the_images_tells_classes_apart():
    classes = PodClasses()
    old, new = an_image(AMD64), an_image(ARM64)
    first = classes.of(a_pod("a"), (resolved(old),))
    assert classes.of(a_pod("b"), (resolved(old),)) is first
    assert classes.of(a_pod("c"), (resolved(new),)) is not first
    assert classes.of(a_pod("d"), None) is not first


def test_a_class_that_nobody_holds_is_forgotten():
    classes = PodClasses()
    held = classes.of(a_pod(requests={"cpu": "1"}), None)
    classes.of(a_pod(requests={"cpu": "2"}), None)
    gc.collect()
    assert len(classes) == 1
    assert held is classes.of(a_pod(requests={"cpu": "1"}), None)


def test_a_pod_keeps_its_own_name_uid_and_seed():
    classes = PodClasses()
    one, other = (make_pod_info(a_pod(name), None, classes) for name in ("web-1", "web-2"))
    assert (one.key, one.uid) == ("default/web-1", "uid-web-1")
    assert one.pod_class is other.pod_class
    assert one.seed != other.seed
    assert make_pod_info(a_pod("web-1"), None, classes).seed == one.seed


def test_a_pod_from_a_file_without_uid_is_known_by_its_name():
    pod = a_pod("web")
    pod.metadata.uid = ""
    assert uid_of(pod) == "default/web"
