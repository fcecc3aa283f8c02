"""Pod and Deployment manifests for the real tests, as plain dicts; what is not asked for is left to the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def pod(
    name: str,
    *images: str,
    scheduler: str = "multiarch-scheduler",
    cpu: str | None = "100m",
    memory: str | None = "64Mi",
    labels: Mapping[str, str] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A pod with one container per image; the first one requests `cpu` and `memory`.

    Further keywords go into the spec as they are: `nodeSelector`, `tolerations`, `imagePullSecrets`, `nodeName`...
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels or {})},
        "spec": {
            "schedulerName": scheduler,
            "containers": _containers(images, {"cpu": cpu, "memory": memory}),
            # The grace of 30 s is for processes; these have none, and tests delete many.
            "terminationGracePeriodSeconds": 0,
            **spec,
        },
    }


def deployment(name: str, replicas: int, *images: str, **options: Any) -> dict[str, Any]:
    """A Deployment of `replicas` such pods (same keywords as `pod`); its label is `app`."""
    template = pod(name, *images, **options)
    template["metadata"]["labels"]["app"] = name
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": template["metadata"]["labels"]}, "spec": template["spec"]},
        },
    }


def _containers(images: Sequence[str], requests: Mapping[str, str | None]) -> list[dict[str, Any]]:
    containers: list[dict[str, Any]] = [{"name": f"c{index}", "image": image} for index, image in enumerate(images)]
    asked = {resource: amount for resource, amount in requests.items() if amount is not None}
    if containers and asked:
        containers[0]["resources"] = {"requests": asked}
    return containers
