"""What a kubelet writes into the status of a pod: bodies for a strategic merge patch of ``pods/status``.

Pure: the pod and the time are arguments. When which of them is written is decided in ``kubelets``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scheduler.api.pod import Container, Pod

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ImageTrouble:
    """Why a container does not run: its image cannot be pulled, or it was pulled and does not start."""

    message: str
    pulled: bool = False

    @property
    def first_reason(self) -> str:
        return "RunContainerError" if self.pulled else "ErrImagePull"

    @property
    def later_reason(self) -> str:
        return "CrashLoopBackOff" if self.pulled else "ImagePullBackOff"


def accepted(pod: Pod, now: str, host_ip: str) -> Body:
    """The kubelet has the pod, and nothing of it runs yet."""
    return {
        "phase": "Pending",
        "startTime": now,
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "conditions": _conditions(now, initialized=not pod.spec.init_containers, ready=False),
        **_statuses(pod, lambda container, is_init: _waiting(container, _first_wait(pod, is_init), "")),
    }


def in_trouble(pod: Pod, now: str, troubles: Mapping[str, ImageTrouble], *, backing_off: bool) -> Body:
    """Containers whose images make trouble, by container name; the others are as far as that allows."""
    blocked = any(container.name in troubles for container in pod.spec.init_containers)

    def state(container: Container, is_init: bool) -> Body:
        trouble = troubles.get(container.name)
        if trouble is None:
            if is_init:
                return _completed(container, now)
            return _waiting(container, "PodInitializing", "") if blocked else _running(container, now)
        reason = trouble.later_reason if backing_off else trouble.first_reason
        return _waiting(container, reason, trouble.message)

    return {
        "phase": "Pending",
        "conditions": _conditions(now, initialized=not blocked, ready=False),
        **_statuses(pod, state),
    }


def running(pod: Pod, now: str, pod_ip: str) -> Body:
    """Everything runs; init containers are done, and sidecars run."""
    return {
        "phase": "Running",
        "podIP": pod_ip,
        "podIPs": [{"ip": pod_ip}],
        "conditions": _conditions(now, initialized=True, ready=True),
        **_statuses(
            pod,
            lambda container, is_init: (
                _completed(container, now)
                if is_init and container.restart_policy != "Always"
                else _running(container, now)
            ),
        ),
    }


def _first_wait(pod: Pod, is_init: bool) -> str:
    return "PodInitializing" if pod.spec.init_containers and not is_init else "ContainerCreating"


def _statuses(pod: Pod, state: Callable[[Container, bool], Body]) -> Body:
    statuses: Body = {"containerStatuses": [state(container, False) for container in pod.spec.containers]}
    if pod.spec.init_containers:
        statuses["initContainerStatuses"] = [state(container, True) for container in pod.spec.init_containers]
    return statuses


def _conditions(now: str, *, initialized: bool, ready: bool) -> list[Body]:
    states = (
        ("PodReadyToStartContainers", True, ""),
        ("Initialized", initialized, "ContainersNotInitialized"),
        ("Ready", ready, "ContainersNotReady"),
        ("ContainersReady", ready, "ContainersNotReady"),
    )
    return [
        {
            "type": kind,
            "status": "True" if true else "False",
            "lastProbeTime": None,
            "lastTransitionTime": now,
            "reason": None if true else reason,
        }
        for kind, true, reason in states
    ]


def _status(container: Container, state: Body, *, ready: bool, started: bool) -> Body:
    return {
        "name": container.name,
        "image": container.image,
        "imageID": container.image if ready else "",
        "ready": ready,
        "started": started,
        "restartCount": 0,
        "lastState": {},
        "state": state,
    }


def _waiting(container: Container, reason: str, message: str) -> Body:
    waiting = {"reason": reason, "message": message} if message else {"reason": reason}
    return _status(container, {"waiting": waiting, "running": None, "terminated": None}, ready=False, started=False)


def _running(container: Container, now: str) -> Body:
    state = {"running": {"startedAt": now}, "waiting": None, "terminated": None}
    return _status(container, state, ready=True, started=True)


def _completed(container: Container, now: str) -> Body:
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}
    return _status(container, {"terminated": ended, "waiting": None, "running": None}, ready=True, started=False)
