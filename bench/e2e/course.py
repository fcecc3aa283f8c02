"""A workload file as what happens on a control plane: objects by path, pods for one contender, images, churn.

Owns the adaptation only; the files and their format are ``bench.workloads``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bench import workloads
from bench.workloads import Churn, CreateAny, CreateNodes, CreatePods, MeasurePods, Step
from scheduler.images.platform import parse_platform
from scheduler.sandbox.registry import SandboxRegistry

_PATHS = {
    "Node": "/api/v1/nodes",
    "Pod": "/api/v1/namespaces/default/pods",
    "ReplicaSet": "/apis/apps/v1/namespaces/default/replicasets",
}


@dataclass(frozen=True, slots=True)
class Course:
    """A workload of a size."""

    title: str
    steps: list[Step]

    def furniture(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """(path, objects) of what is there before any pod: nodes, owners."""
        return ((path_of(step), step.objects()) for step in self.steps if isinstance(step.op, CreateNodes | CreateAny))

    def before(self, scheduler_name: str) -> list[bytes]:
        """Pods that are placed before anything is measured."""
        return self._pods(CreatePods, scheduler_name)

    def measured(self, scheduler_name: str) -> list[bytes]:
        return self._pods(MeasurePods, scheduler_name)

    def churn(self) -> list[Step]:
        return [step for step in self.steps if isinstance(step.op, Churn)]

    def repositories(self) -> set[str]:
        """Of the images that pods want, without the registry."""
        pods = [msgspec.json.decode(pod) for pod in [*self.before(""), *self.measured("")]]
        images = {container["image"] for pod in pods for container in pod["spec"]["containers"]}
        return {image.partition("/")[2].rpartition(":")[0] for image in images}

    def _pods(self, kind: type[CreatePods | MeasurePods], scheduler_name: str) -> list[bytes]:
        return [
            _asking_for(scheduler_name, document)
            for step in self.steps
            if isinstance(step.op, kind)
            for document in step.objects()
        ]


def make_course(
    name: str, registry: SandboxRegistry, nodes: int, sizes: Mapping[str, int], platforms: Sequence[str] = ()
) -> Course:
    """The workload of a file, with its images in the registry. ``sizes`` go over its parameters for so many nodes.

    ``platforms``: of all images, instead of those that the file says. Raises InvalidWorkload.
    """
    workload = workloads.load(name)
    params: dict[str, str | int] = {**workload.size(nodes), **sizes, "registry": registry.address}
    course = Course(workload.title, workload.steps(params))
    for repository in course.repositories():
        names = platforms or workload.platforms_of(repository)
        registry.push_index(repository, "1", [parse_platform(name) for name in names])
    return course


def path_of(step: Step) -> str:
    return _PATHS[step.template.kind]


def _asking_for(scheduler_name: str, document: bytes) -> bytes:
    pod: dict[str, Any] = msgspec.json.decode(document)
    pod["spec"]["schedulerName"] = scheduler_name
    return msgspec.json.encode(pod)
