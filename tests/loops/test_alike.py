"""What pods have in common is kept once, and nothing of a pod is changed by it."""

from __future__ import annotations

import copy

import msgspec
import pytest

from scheduler.api.pod import Pod
from scheduler.loops import alike
from scheduler.loops.alike import Alike


def a_pod(name: str, node: str = "", app: str = "web", image: str = "web:1") -> Pod:
    owner = {"kind": "ReplicaSet", "name": app, "uid": app, "controller": True}
    document = {
        "metadata": {"name": name, "uid": name, "labels": {"app": app}, "ownerReferences": [owner]},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "main", "image": image, "resources": {"requests": {"cpu": "1"}}}],
            "tolerations": [{"key": "spot", "operator": "Exists"}],
            "resourceClaims": [{"name": "gpu"}],
        },
    }
    return msgspec.json.decode(msgspec.json.encode(document), type=Pod)


def test_what_replicas_have_in_common_is_one_object() -> None:
    shared = Alike()
    first, second = (shared.share(a_pod(name, node)) for name, node in (("a", "arm-1"), ("b", "")))
    assert first.spec.containers is second.spec.containers
    assert first.spec.tolerations is second.spec.tolerations
    assert first.metadata.labels is second.metadata.labels
    assert first.metadata.owner_references is second.metadata.owner_references


def test_a_pod_stays_what_it_was() -> None:
    shared = Alike()
    for name, node, app, image in (
        ("a", "arm-1", "web", "web:1"),
        ("b", "", "web", "web:2"),
        ("c", "x", "db", "web:1"),
    ):
        pod = a_pod(name, node, app, image)
        as_it_was = copy.deepcopy(pod)
        assert shared.share(pod) == as_it_was
        assert shared.share(a_pod(name, "elsewhere", app, image)).spec.node_name == "elsewhere"
        assert pod == as_it_was


def test_what_is_remembered_is_bounded() -> None:
    shared = Alike()
    pods = [shared.share(a_pod(f"pod-{number}", app=f"app-{number}", image=f"app:{number}")) for number in range(5_000)]
    assert len(shared._specs) <= alike._MOST
    assert len(shared._metas) <= alike._MOST
    assert [pod.spec.containers[0].image for pod in pods] == [f"app:{number}" for number in range(5_000)]


def test_what_was_seen_last_is_remembered_however_much_was_seen_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "_MOST", 10)
    shared = Alike()
    first = shared.share(a_pod("first"))
    for number in range(25):
        shared.share(a_pod(f"pod-{number}", app=f"app-{number}", image=f"app:{number}"))
        again = shared.share(a_pod(f"again-{number}"))
        assert again.spec.containers is first.spec.containers
        assert again.metadata.labels is first.metadata.labels


def test_what_a_part_is_known_by_does_not_grow_with_it() -> None:
    shared = Alike()
    shared.share(a_pod("small"))
    shared.share(a_pod("large", app="x" * 1000, image="y" * 1000))
    assert len({len(key) for parts in (shared._specs, shared._metas) for key in parts}) == 1
