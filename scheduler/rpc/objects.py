"""Nodes and pods in Kubernetes' own protobuf -> what is needed of them here.

Owns the reading. An autoscaler sends each pod once for every node group that it could help, so what is read is small
and can be compared: pods with equal demands are looked at once.
"""

from __future__ import annotations

import msgspec
from google.protobuf.message import DecodeError, Message

from scheduler.api.meta import ObjectMeta
from scheduler.api.node import NodeSystemInfo
from scheduler.api.pod import Container, ImageVolumeSource, LocalObjectReference, Pod, PodOS, PodSpec, Volume
from scheduler.images.node_platform import NodePlatform, platform_of
from scheduler.images.pod_images import PodImage, pod_images, required_os
from scheduler.rpc.proto import objects_pb2


class InvalidObject(ValueError):
    """The bytes are no such object."""


class PodDemand(msgspec.Struct, frozen=True):
    """All of a pod that decides on which platforms it can run, and who may read its images."""

    namespace: str
    images: tuple[PodImage, ...]
    pull_secrets: tuple[str, ...] = ()
    required_os: str | None = None
    runtime_class: str = ""


def read_platform(data: bytes) -> NodePlatform:
    """Of a node: from its labels, and from nodeInfo what they leave open. Raises InvalidObject."""
    node = objects_pb2.Node()
    _parse(node, data)
    info = node.status.nodeInfo
    return platform_of(
        dict(node.metadata.labels),
        NodeSystemInfo(
            kernel_version=info.kernelVersion,
            container_runtime_version=info.containerRuntimeVersion,
            operating_system=info.operatingSystem,
            architecture=info.architecture,
        ),
    )


def read_demand(data: bytes) -> PodDemand:
    """Of a pod. Raises InvalidObject."""
    pod = objects_pb2.Pod()
    _parse(pod, data)
    return demand_of(_pod(pod))


def demand_of(pod: Pod) -> PodDemand:
    """The same of a pod that was read elsewhere."""
    return PodDemand(
        pod.metadata.namespace,
        pod_images(pod),
        tuple(reference.name for reference in pod.spec.image_pull_secrets if reference.name),
        required_os(pod),
        pod.spec.runtime_class_name,
    )


def _parse(message: Message, data: bytes) -> None:
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise InvalidObject(f"is no {message.DESCRIPTOR.name}: {error}") from error


def _pod(pod: objects_pb2.Pod) -> Pod:
    spec = pod.spec
    return Pod(
        metadata=ObjectMeta(name=pod.metadata.name, namespace=pod.metadata.namespace, labels=dict(pod.metadata.labels)),
        spec=PodSpec(
            containers=[_container(container) for container in spec.containers],
            init_containers=[_container(container) for container in spec.initContainers],
            volumes=[_volume(volume) for volume in spec.volumes if volume.volumeSource.HasField("image")],
            image_pull_secrets=[LocalObjectReference(name=secret.name) for secret in spec.imagePullSecrets],
            runtime_class_name=spec.runtimeClassName,
            os=PodOS(name=spec.os.name) if spec.HasField("os") else None,
        ),
    )


def _container(container: objects_pb2.Container) -> Container:
    return Container(name=container.name, image=container.image, image_pull_policy=container.imagePullPolicy)


def _volume(volume: objects_pb2.Volume) -> Volume:
    image = volume.volumeSource.image
    return Volume(name=volume.name, image=ImageVolumeSource(reference=image.reference, pull_policy=image.pullPolicy))
