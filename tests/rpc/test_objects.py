"""What is read of Kubernetes' own bytes."""

from __future__ import annotations

import pytest

from scheduler.images.node_platform import NodePlatform
from scheduler.images.runtime import Runtime
from scheduler.rpc.objects import InvalidObject, read_demand, read_platform
from scheduler.rpc.proto import objects_pb2 as pb
from tests.rpc.builders import node_bytes, pod_bytes


def test_labels_tell_a_template_s_platform_and_node_info_what_they_leave_open():
    assert read_platform(node_bytes("linux/arm64", info="windows/amd64")) == NodePlatform(
        "linux", "arm64", "v8", runtime=Runtime.CONTAINERD
    )
    assert read_platform(node_bytes(info="linux/s390x", runtime="cri-o://1.33.0")) == NodePlatform(
        "linux", "s390x", runtime=Runtime.CRI_O
    )
    assert read_platform(node_bytes("linux/amd64", runtime="")).runtime is Runtime.UNKNOWN


def test_a_template_s_windows_build_is_read_from_its_label():
    labels = {"node.kubernetes.io/windows-build": "10.0.20348"}
    assert read_platform(node_bytes("windows/amd64", labels=labels)).os_version == "10.0.20348"


def test_a_node_without_anything_tells_nothing():
    assert not read_platform(b"").is_known


def test_all_images_that_a_pod_runs_or_mounts_are_read():
    pod = pb.Pod(
        metadata=pb.ObjectMeta(name="web", namespace="shop"),
        spec=pb.PodSpec(
            containers=[pb.Container(name="app", image="app:1")],
            initContainers=[pb.Container(name="setup", image="setup:1", imagePullPolicy="Always")],
            volumes=[
                pb.Volume(name="scratch"),
                pb.Volume(name="model", volumeSource=pb.VolumeSource(image=pb.ImageVolumeSource(reference="model:1"))),
            ],
        ),
    )
    demand = read_demand(pod.SerializeToString())
    assert [(image.image, image.source, image.volume, image.pull_policy) for image in demand.images] == [
        ("model:1", "volume model", True, "IfNotPresent"),
        ("setup:1", "init container setup", False, "Always"),
        ("app:1", "container app", False, "IfNotPresent"),
    ]


def test_pods_of_one_workload_have_equal_demands():
    first, second = (pod_bytes(name, "app:1", os="linux", secrets=["pull"]) for name in ("a", "b"))
    assert first != second
    assert read_demand(first) == read_demand(second)
    assert read_demand(first).pull_secrets == ("pull",)
    assert read_demand(first).required_os == "linux"


@pytest.mark.parametrize("read", [read_demand, read_platform])
def test_bytes_that_are_no_object_are_refused(read):
    with pytest.raises(InvalidObject, match=r"is no (Pod|Node)"):
        read(b"\x0a\xff\xff\xff\xff\x0f")
