"""Questions for an expander, in as few words as a test needs; nodes and pods as Kubernetes writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from scheduler.rpc.proto import objects_pb2 as pb
from scheduler.rpc.proto.expander_pb2 import BestOptionsRequest, Option


def node_bytes(
    platform: str = "", *, labels: Mapping[str, str] | None = None, runtime: str = "containerd://2.3.5", info: str = ""
) -> bytes:
    """A v1.Node with the ``os/architecture`` in its labels, and that of ``info`` in its nodeInfo."""
    os, _, architecture = platform.partition("/")
    named = {"kubernetes.io/os": os, "kubernetes.io/arch": architecture} if platform else {}
    info_os, _, info_architecture = info.partition("/")
    return pb.Node(
        metadata=pb.ObjectMeta(name="template", labels={**named, **(labels or {})}),
        status=pb.NodeStatus(
            nodeInfo=pb.NodeSystemInfo(
                operatingSystem=info_os, architecture=info_architecture, containerRuntimeVersion=runtime
            )
        ),
    ).SerializeToString()


def pod_bytes(
    name: str,
    *images: str,
    os: str = "",
    secrets: Iterable[str] = (),
    runtime_class: str = "",
    namespace: str = "shop",
) -> bytes:
    """A v1.Pod with a container for each image."""
    return pb.Pod(
        metadata=pb.ObjectMeta(name=name, namespace=namespace, uid=f"uid-{name}"),
        spec=pb.PodSpec(
            containers=[pb.Container(name=f"c{number}", image=image) for number, image in enumerate(images)],
            imagePullSecrets=[pb.LocalObjectReference(name=secret) for secret in secrets],
            runtimeClassName=runtime_class,
            os=pb.PodOS(name=os) if os else None,
        ),
    ).SerializeToString()


def question(groups: Mapping[str, tuple[bytes | None, Sequence[bytes]]], *, old: bool = False) -> BestOptionsRequest:
    """Group -> (its node, its pods), as autoscalers ask from 1.35 on, or as ``old`` ones do."""
    nodes = {group: node for group, (node, _) in groups.items() if node is not None}
    if old:
        options = [Option(nodeGroupId=group, nodeCount=1, pod=pods) for group, (_, pods) in groups.items()]
        return BestOptionsRequest(options=options, nodeMap=nodes)
    options = [Option(nodeGroupId=group, nodeCount=1, podBytes=pods) for group, (_, pods) in groups.items()]
    return BestOptionsRequest(options=options, nodeBytesMap=nodes)
