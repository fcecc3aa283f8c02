"""What the API server writes into a pod that does not say it: defaults, and the status every pod starts with.

After ``pkg/apis/core/v1/defaults.go`` and the pod strategy's ``PrepareForCreate``. What admission plugins add is in
``admission``.
"""

from __future__ import annotations

from scheduler.api.quantity import InvalidQuantity, milli_value
from scheduler.sandbox.apiserver.documents import Document, dig, items_at, timestamp

_FILE_MODE = 0o644
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_CONTAINER_LISTS = ("initContainers", "containers")


def default_pod(pod: Document) -> None:
    """Complete the pod in place."""
    default_pod_spec(pod["spec"])
    for container in containers_of(pod["spec"]):
        _default_requests(container)


def default_pod_spec(spec: Document) -> None:
    """Complete a pod spec in place: a pod's, or a template's."""
    for field, value in (
        ("restartPolicy", "Always"),
        ("terminationGracePeriodSeconds", 30),
        ("dnsPolicy", "ClusterFirst"),
        ("schedulerName", "default-scheduler"),
        ("enableServiceLinks", True),
    ):
        spec.setdefault(field, value)
    spec.setdefault("securityContext", {})
    if spec.get("serviceAccountName"):
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for container in containers_of(spec):
        _default_container(container, host_network=spec.get("hostNetwork") is True)
    for volume in items_at(spec, "volumes"):
        _default_volume(volume)


def containers_of(spec: Document) -> list[Document]:
    """Init containers, then the others."""
    return [container for field in _CONTAINER_LISTS for container in items_at(spec, field)]


def initial_status(pod: Document) -> Document:
    """The status of a pod that was just created."""
    status: Document = {"phase": "Pending", "qosClass": quality_of_service(pod["spec"])}
    if pod["spec"].get("schedulingGates"):
        status["conditions"] = [
            {
                "type": "PodScheduled",
                "status": "False",
                "lastProbeTime": None,
                "lastTransitionTime": timestamp(),
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
            }
        ]
    return status


def quality_of_service(spec: Document) -> str:
    """Guaranteed, Burstable or BestEffort (``GetPodQOS``), from the requests and limits for cpu and memory."""
    limited = True
    asked = False
    for container in containers_of(spec):
        resources = container.get("resources") or {}
        requests, limits = _amounts(resources.get("requests")), _amounts(resources.get("limits"))
        asked = asked or bool(requests or limits)
        limited = limited and requests == limits and len(limits) == 2
    if not asked:
        return "BestEffort"
    return "Guaranteed" if limited else "Burstable"


def _amounts(quantities: Document | None) -> dict[str, int]:
    try:
        amounts = {name: milli_value((quantities or {}).get(name, "0")) for name in ("cpu", "memory")}
    except InvalidQuantity:  # validation names it
        return {}
    return {name: amount for name, amount in amounts.items() if amount}


def pull_policy(image: str) -> str:
    """Always for ``latest``, which is also the tag of an image without tag and digest."""
    name, _, digest = image.partition("@")
    _, _, tag = name.rpartition("/")[2].partition(":")
    return "Always" if tag == "latest" or (not tag and not digest) else "IfNotPresent"


def _default_container(container: Document, *, host_network: bool) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = pull_policy(str(container.get("image", "")))
    for port in items_at(container, "ports"):
        port.setdefault("protocol", "TCP")
        if host_network and "containerPort" in port:
            port.setdefault("hostPort", port["containerPort"])
    for variable in items_at(container, "env"):
        if isinstance(field := dig(variable, "valueFrom", "fieldRef"), dict):
            field.setdefault("apiVersion", "v1")
    for name in _PROBES:
        if isinstance(probe := container.get(name), dict):
            _default_probe(probe)


def _default_probe(probe: Document) -> None:
    for field, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        probe.setdefault(field, value)
    if isinstance(get := probe.get("httpGet"), dict):
        get.setdefault("path", "/")
        get.setdefault("scheme", "HTTP")


def _default_requests(container: Document) -> None:
    """A limit without a request is a request as well."""
    resources = container["resources"] or {}
    if limits := resources.get("limits"):
        resources["requests"] = limits | (resources.get("requests") or {})


def _default_volume(volume: Document) -> None:
    if len(volume) == 1:  # a name and no source
        volume["emptyDir"] = {}
    for source in ("secret", "configMap", "projected", "downwardAPI"):
        if isinstance(found := volume.get(source), dict):
            found.setdefault("defaultMode", _FILE_MODE)
    if isinstance(host_path := volume.get("hostPath"), dict):
        host_path.setdefault("type", "")
    if isinstance(image := volume.get("image"), dict) and not image.get("pullPolicy"):
        image["pullPolicy"] = pull_policy(str(image.get("reference", "")))
