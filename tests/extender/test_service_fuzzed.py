"""Whatever is put in the place of some part of a good call, the answer is one in the verb's form, and never a fault."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extender.server.messages import Response
from extender.service import FAULT
from extender.verbs.delegate import Delegate
from extender.verbs.promises import Promises
from scheduler.cluster.cache import Cache
from scheduler.plugins.catalogue import default_profile
from tests.extender.builders import a_node_document, a_pod_document
from tests.extender.test_service import Served

POD = a_pod_document(labels={"app": "web"}, annotations={"note": "x"})
POD["spec"] |= {
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoSchedule"}],
    "initContainers": [{"name": "init", "image": "registry.example/init:1", "restartPolicy": "Always"}],
    "imagePullSecrets": [{"name": "pull"}],
    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
    ],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}]
            }
        },
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
            ]
        },
    },
}
VICTIMS = {"arm-0": {"Pods": [a_pod_document("low")], "NumPDBViolations": 0}}
CALLS: dict[str, dict[str, Any]] = {
    "names": {"Pod": POD, "Nodes": None, "NodeNames": ["arm-0", "amd-0"]},
    "nodes": {"Pod": POD, "Nodes": {"metadata": {}, "items": [a_node_document("a", "arm64")]}, "NodeNames": None},
    "victims": {"Pod": POD, "NodeNameToVictims": VICTIMS, "NodeNameToMetaVictims": None},
    "binding": {"PodName": "web-0", "PodNamespace": "shop", "PodUID": "u", "Node": "arm-0"},
}
VERBS = {
    "names": ("filter", "prioritize"),
    "nodes": ("filter", "prioritize"),
    "victims": ("preempt",),
    "binding": ("bind",),
}

_odd = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        2**63,
        1e400,
        1.5,
        "",
        "\x00",
        "é\ud7ff",
        "9" * 400,
        "1e9999999",
        "-1Gi",
        [],
        {},
        [None],
        {"": ""},
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place within a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


_place = st.sampled_from([(kind, path) for kind, call in CALLS.items() for path in places(call)])


def put(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    *way, last = path
    inner: Any = document
    for key in way:
        inner = inner[key]
    inner[last] = value


async def answers(kind: str, body: bytes, *, delegated: bool) -> list[Response]:
    def delegate(cache: Cache, promises: Promises) -> Delegate:
        return Delegate(cache, default_profile("default-scheduler"), promises)

    served = Served(delegate if delegated else None)
    served.resolver.go.set()
    try:
        return [await served.call(f"/{verb}", body) for verb in VERBS[kind]]
    finally:
        await served.look_ups.stop()


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_place, _odd, st.booleans())
def test_one_part_of_a_call_replaced_by_anything(place: tuple[str, tuple[Any, ...]], odd: Any, delegated: bool) -> None:
    kind, path = place
    call = copy.deepcopy(CALLS[kind])
    put(call, path, odd)
    body = json.dumps(call, ensure_ascii=False).replace("Infinity", "1e400").encode()
    for response in asyncio.run(answers(kind, body, delegated=delegated)):
        assert response.status in {200, 500}
        assert FAULT.encode() not in response.body
        if response.status == 200:
            json.loads(response.body)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(CALLS)), st.integers(min_value=0), st.binary(min_size=0, max_size=4), st.booleans())
def test_bytes_of_a_call_cut_off_or_overwritten(kind: str, at: int, noise: bytes, cut: bool) -> None:
    good = json.dumps(CALLS[kind]).encode()
    at %= len(good)
    body = good[:at] + noise + (b"" if cut else good[at + len(noise) :])
    for response in asyncio.run(answers(kind, body, delegated=False)):
        assert response.status in {200, 500}
        assert FAULT.encode() not in response.body
