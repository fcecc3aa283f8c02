"""Which resource a path names."""

from __future__ import annotations

import pytest

from scheduler.sandbox.apiserver.statuses import StatusError
from scheduler.sandbox.apiserver.targets import parse_target


@pytest.mark.parametrize(
    ("path", "kind", "namespace", "name", "subresource"),
    [
        ("/api/v1/pods", "Pod", "", "", ""),
        ("/api/v1/namespaces/default/pods", "Pod", "default", "", ""),
        ("/api/v1/namespaces/default/pods/a", "Pod", "default", "a", ""),
        ("/api/v1/namespaces/default/pods/a/status", "Pod", "default", "a", "status"),
        ("/api/v1/namespaces", "Namespace", "", "", ""),
        ("/api/v1/namespaces/default", "Namespace", "", "default", ""),
        ("/api/v1/namespaces/default/status", "Namespace", "", "default", "status"),
        ("/api/v1/namespaces/pods/pods/pods", "Pod", "pods", "pods", ""),
        ("/api/v1/nodes/n/status", "Node", "", "n", "status"),
        ("/apis/events.k8s.io/v1/namespaces/default/events", "Event", "default", "", ""),
        ("/apis/coordination.k8s.io/v1/leases", "Lease", "", "", ""),
    ],
)
def test_a_path_names_a_resource(path: str, kind: str, namespace: str, name: str, subresource: str) -> None:
    target = parse_target(path)
    assert (target.resource.kind, target.namespace, target.name, target.subresource) == (
        kind,
        namespace,
        name,
        subresource,
    )


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/foos",
        "/api/v1/pods/a",
        "/api/v1/namespaces/default/nodes",
        "/api/v1/namespaces/default/pods/a/log",
        "/api/v1/nodes/n/binding",
        "/api/v1/namespaces/default/pods/a/status/x",
        "/apis/apps/v1/pods",
        "/apis/apps/v2/deployments",
        "/apis/apps",
        "/api/v2/pods",
        "/nope",
        "/",
    ],
)
def test_other_paths_are_not_found(path: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_target(path)
    assert caught.value.code == 404
