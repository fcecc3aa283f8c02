"""What ``kubectl get pods`` says of a pod: READY, STATUS and RESTARTS (``printPod`` in ``pkg/printers``)."""

from __future__ import annotations

from scheduler.sandbox.apiserver.documents import Document, dig, items_at


def ready(pod: Document) -> str:
    """Ready containers of all; sidecars count, other init containers do not."""
    sidecars = {c["name"] for c in items_at(pod, "spec", "initContainers") if c.get("restartPolicy") == "Always"}
    total = len(pod["spec"].get("containers") or ()) + len(sidecars)
    done = sum(
        1
        for status in items_at(pod, "status", "initContainerStatuses")
        if status["name"] in sidecars and status["ready"]
    )
    running = sum(
        1
        for status in items_at(pod, "status", "containerStatuses")
        if status.get("ready") and dig(status, "state", "running") is not None
    )
    return f"{done + running}/{total}"


def restarts(pod: Document) -> str:
    return str(sum(status.get("restartCount", 0) for status in items_at(pod, "status", "containerStatuses")))


def status(pod: Document) -> str:
    """One word for how the pod is: the first init container's trouble, else the first container's, else the phase."""
    phase = dig(pod, "status", "phase") or ""
    if "deletionTimestamp" in pod["metadata"] and phase not in {"Failed", "Succeeded"}:
        return "Unknown" if dig(pod, "status", "reason") == "NodeLost" else "Terminating"
    return _initializing(pod) or _containers(pod, _by_phase(pod, phase))


def _by_phase(pod: Document, phase: str) -> str:
    gated = any(
        condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated"
        for condition in items_at(pod, "status", "conditions")
    )
    return "SchedulingGated" if gated else dig(pod, "status", "reason") or phase


def _initializing(pod: Document) -> str | None:
    containers = {container["name"]: container for container in items_at(pod, "spec", "initContainers")}
    for index, status_ in enumerate(items_at(pod, "status", "initContainerStatuses")):
        if dig(status_, "state", "terminated", "exitCode") == 0:
            continue
        if containers.get(status_["name"], {}).get("restartPolicy") == "Always" and status_.get("started"):
            continue
        if (ended := dig(status_, "state", "terminated")) is not None:
            return f"Init:{_ended(ended)}"
        waiting = dig(status_, "state", "waiting", "reason")
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}"
        return f"Init:{index}/{len(containers)}"
    return None


def _containers(pod: Document, by_phase: str) -> str:
    reason, running, failed = by_phase, False, ""
    for status_ in reversed(list(items_at(pod, "status", "containerStatuses"))):
        if waiting := dig(status_, "state", "waiting", "reason"):
            reason = waiting
        elif (ended := dig(status_, "state", "terminated")) is not None:
            reason = _ended(ended)
            failed = reason if ended.get("exitCode") else failed
        elif status_.get("ready") and dig(status_, "state", "running") is not None:
            running = True
    if reason != "Completed":
        return reason
    if running:
        return "Running"
    return failed or reason


def _ended(terminated: Document) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"
