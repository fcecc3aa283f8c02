"""What `kubectl get pods` says of a pod's containers."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.sandbox.apiserver.views.pod_columns import ready, restarts, status

RUNNING: dict[str, Any] = {"state": {"running": {}}, "ready": True, "restartCount": 1}
DONE: dict[str, Any] = {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}, "ready": False}
FAILED: dict[str, Any] = {"state": {"terminated": {"exitCode": 1, "reason": "Error"}}, "ready": False}
KILLED: dict[str, Any] = {"state": {"terminated": {"exitCode": 137, "signal": 9}}, "ready": False}
EXITED: dict[str, Any] = {"state": {"terminated": {"exitCode": 3}}, "ready": False}


def waiting(reason: str) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason}}, "ready": False}


def a_pod(
    *containers: dict[str, Any],
    init: tuple[dict[str, Any], ...] = (),
    sidecar: bool = False,
    phase: str = "Running",
    reason: str = "",
    deleted: bool = False,
) -> dict[str, Any]:
    policy = {"restartPolicy": "Always"} if sidecar else {}
    return {
        "metadata": {"name": "a"} | ({"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {}),
        "spec": {
            "containers": [{"name": f"c{index}"} for index in range(len(containers))],
            "initContainers": [{"name": f"i{index}"} | policy for index in range(len(init))],
        },
        "status": {
            "phase": phase,
            "reason": reason,
            "containerStatuses": [{"name": f"c{index}"} | each for index, each in enumerate(containers)],
            "initContainerStatuses": [{"name": f"i{index}"} | each for index, each in enumerate(init)],
        },
    }


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        (a_pod(RUNNING), ("1/1", "Running", "1")),
        (a_pod(RUNNING, RUNNING), ("2/2", "Running", "2")),
        (a_pod(RUNNING, waiting("CrashLoopBackOff")), ("1/2", "CrashLoopBackOff", "1")),
        (a_pod(waiting("ImagePullBackOff"), phase="Pending"), ("0/1", "ImagePullBackOff", "0")),
        (a_pod(DONE, phase="Succeeded"), ("0/1", "Completed", "0")),
        (a_pod(FAILED, phase="Failed"), ("0/1", "Error", "0")),
        (a_pod(DONE, FAILED, phase="Failed"), ("0/2", "Error", "0")),
        (a_pod(DONE, RUNNING), ("1/2", "Running", "1")),
        (a_pod(KILLED), ("0/1", "Signal:9", "0")),
        (a_pod(EXITED), ("0/1", "ExitCode:3", "0")),
        (a_pod(phase="Failed", reason="Evicted"), ("0/0", "Evicted", "0")),
        (a_pod(waiting("PodInitializing"), init=(RUNNING,), phase="Pending"), ("0/1", "Init:0/1", "0")),
        (a_pod(waiting("PodInitializing"), init=(DONE, RUNNING), phase="Pending"), ("0/1", "Init:1/2", "0")),
        (a_pod(waiting("PodInitializing"), init=(FAILED,), phase="Pending"), ("0/1", "Init:Error", "0")),
        (a_pod(waiting("x"), init=(waiting("ErrImagePull"),), phase="Pending"), ("0/1", "Init:ErrImagePull", "0")),
        (a_pod(RUNNING, init=(RUNNING | {"started": True},), sidecar=True), ("2/2", "Running", "1")),
        (a_pod(RUNNING, deleted=True), ("1/1", "Terminating", "1")),
        (a_pod(DONE, phase="Succeeded", deleted=True), ("0/1", "Completed", "0")),
        (a_pod(RUNNING, reason="NodeLost", deleted=True), ("1/1", "Unknown", "1")),
    ],
)
def test_a_pod_is_summed_up(pod: dict[str, Any], said: tuple[str, str, str]) -> None:
    assert (ready(pod), status(pod), restarts(pod)) == said
