"""Questions that Kubernetes' own types write and grpc-go sends, in the forms of old and new autoscalers."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.config.rpc import ExpanderSettings
from scheduler.sandbox.registry_faults import hang
from tests.rpc.autoscaler import Form, ask
from tests.rpc.serving import Pki, Served, served

pytestmark = pytest.mark.real

FORMS = pytest.mark.parametrize("form", ["old", "new", "both"])


def template(os: str, architecture: str, *, labelled: bool = True) -> dict[str, Any]:
    """A node as an autoscaler makes it up, with much that is not read."""
    labels = {"kubernetes.io/os": os, "kubernetes.io/arch": architecture} if labelled else {}
    info = {"operatingSystem": os, "architecture": architecture, "kubeletVersion": "v1.37.2", "machineID": "m"}
    return {
        "metadata": {"name": "template-1", "labels": {"node.kubernetes.io/instance-type": "m7.large", **labels}},
        "spec": {"providerID": "cloud:///zone/i-1", "taints": [{"key": "dedicated", "effect": "NoSchedule"}]},
        "status": {
            "capacity": {"cpu": "4", "memory": "16Gi", "pods": "110"},
            "allocatable": {"cpu": "3920m", "memory": "15Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-11-24T10:00:00Z"}],
            "nodeInfo": {} if labelled else info,
        },
    }


def pod(name: str, image: str, **spec: Any) -> dict[str, Any]:
    """A pod with as many other fields as pods have."""
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10}
    container = {
        "name": "main",
        "image": image,
        "command": ["/app"],
        "args": ["--verbose", "--name=\u00e9\u00e8"],
        "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "value"}}}],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}},
        "livenessProbe": probe,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "securityContext": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
    }
    affinity = {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 1,
                    "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "a"}}},
                }
            ]
        }
    }
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "labels": {"app": "a", "pod-template-hash": "5d4f"},
            "annotations": {"note": "x" * 200},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "a", "uid": "u"}],
            "creationTimestamp": "2026-11-24T10:00:00Z",
        },
        "spec": {
            "containers": [container],
            "volumes": [{"name": "data", "emptyDir": {}}],
            "affinity": affinity,
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "imagePullSecrets": [{"name": "pull"}],
            "priority": 100,
            "schedulerName": "default-scheduler",
            **spec,
        },
        "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False"}]},
    }


NODES = {
    "amd": template("linux", "amd64"),
    "arm": template("linux", "arm64"),
    "win": template("windows", "amd64", labelled=False),
}


def question(*pods: dict[str, Any], nodes: dict[str, Any] | None = None) -> dict[str, Any]:
    """All groups have room for all pods."""
    known = NODES if nodes is None else nodes
    options = [{"nodeGroupId": group, "nodeCount": 2, "debug": f"{group} x2", "pods": pods} for group in known]
    return {"options": options, "nodes": known}


async def asked(server: Served, pki: Pki, form: Form, *pods: dict[str, Any]) -> list[str]:
    answer = await ask(server.address, pki.authority, question(*pods), form)
    assert (answer.code, answer.message) == ("OK", "")
    return answer.groups


@FORMS
async def test_the_same_groups_are_chosen_in_every_form(pki: Pki, form: Form):
    async with served(tls=pki.settings()) as server:
        server.registry.push_index("shop/web", "1", ("linux/amd64", "linux/arm64"))
        server.registry.push_image("shop/ledger", "1", "linux/amd64")
        web, ledger, lost = (pod(name, server.image(f"shop/{name}:1")) for name in ("web", "ledger", "lost"))
        assert await asked(server, pki, form, web) == ["amd", "arm"]
        assert await asked(server, pki, form, web, ledger) == ["amd"]
        assert await asked(server, pki, form, lost) == ["amd", "arm", "win"]
        assert await asked(server, pki, form, lost, ledger) == ["amd"]


@FORMS
async def test_init_containers_image_volumes_and_the_operating_system_are_read(pki: Pki, form: Form):
    async with served(tls=pki.settings()) as server:
        server.registry.push_index("shop/web", "1", ("linux/amd64", "linux/arm64"))
        server.registry.push_image("shop/setup", "1", "linux/arm64")
        image, setup = server.image("shop/web:1"), server.image("shop/setup:1")
        started = pod("a", image, initContainers=[{"name": "setup", "image": setup}])
        mounted = pod("b", image, volumes=[{"name": "model", "image": {"reference": setup}}])
        windows = pod("c", server.image("shop/lost:1"), os={"name": "windows"})
        assert await asked(server, pki, form, started) == ["arm"]
        assert await asked(server, pki, form, mounted) == ["arm"]
        assert await asked(server, pki, form, windows) == ["win"]


@FORMS
async def test_an_operator_s_weights_and_refusals_reach_the_autoscaler(pki: Pki, form: Form):
    weights = {"platform_weights": {"linux/arm64": 100}}
    nothing = ExpanderSettings(when_none_fits="none")
    async with served(tls=pki.settings(), images=weights, expander=nothing) as server:
        server.registry.push_index("shop/web", "1", ("linux/amd64", "linux/arm64"))
        server.registry.push_image("shop/mainframe", "1", "linux/s390x")
        assert await asked(server, pki, form, pod("a", server.image("shop/web:1"))) == ["arm"]
        assert await asked(server, pki, form, pod("b", server.image("shop/mainframe:1"))) == []


async def test_an_autoscaler_is_answered_in_time_although_the_registry_is_not(pki: Pki):
    async with served(tls=pki.settings()) as server:
        server.registry.inject(hang())
        answer = await ask(server.address, pki.authority, question(pod("a", server.image("shop/web:1"))), "new")
        assert (answer.code, answer.groups) == ("OK", ["amd", "arm", "win"])
        assert 2.0 <= answer.seconds < 4.5


async def test_a_request_of_twenty_megabytes_is_answered(pki: Pki):
    async with served(tls=pki.settings()) as server:
        server.registry.push_image("shop/web", "1", "linux/arm64")
        nodes = {f"group-{number}": NODES["arm" if number % 2 else "amd"] for number in range(300)}
        pods = [pod(f"web-{number}", server.image("shop/web:1")) for number in range(100)]
        answer = await ask(server.address, pki.authority, question(*pods, nodes=nodes), "new")
        assert answer.size > 20e6
        assert (answer.code, len(answer.groups)) == ("OK", 150)


async def test_an_expired_certificate_or_a_request_too_large_is_a_status_for_the_autoscaler(pki: Pki):
    async with served(tls=pki.settings(), max_request_megabytes=1) as server:
        large = question(pod("a" * 2_000_000, server.image("shop/web:1")))
        assert (await ask(server.address, pki.authority, large, "new")).code == "ResourceExhausted"
        pki.write(expired=True)
        answer = await ask(server.address, pki.authority, question(), "new")
        assert answer.code in {"Unavailable", "DeadlineExceeded"}
        pki.write()
        assert (await ask(server.address, pki.authority, question(), "new")).code == "OK"
