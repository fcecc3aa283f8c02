"""What Go writes is read, and whatever else comes is refused with a sentence."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.wire.arguments import (
    MalformedBody,
    SentLabels,
    is_given,
    read_binding_args,
    read_extender_args,
    read_meta_victims,
    read_node_names,
    read_preemption_args,
    read_victims,
)
from extender.wire.node_bodies import node_bodies
from tests.extender.builders import a_node_document, a_pod_document, extender_args

READERS = (read_extender_args, read_preemption_args, read_binding_args)


def test_names_are_read_and_nodes_are_not_there() -> None:
    args = read_extender_args(extender_args(names=["a", "b"]))
    assert args.pod.key == "shop/web-0"
    assert is_given(args.node_names)
    assert args.nodes == []
    assert read_node_names(args.node_names) == ["a", "b"]


def test_of_whole_nodes_is_read_what_tells_their_platforms() -> None:
    documents = [a_node_document("a"), a_node_document("b", "arm64")]
    documents[1]["metadata"]["labels"]["multiarch-scheduler.io/variant"] = "v9"
    one, other = read_extender_args(extender_args(nodes=documents)).nodes
    assert (one.metadata.name, other.metadata.name) == ("a", "b")
    assert (one.metadata.labels.architecture, other.metadata.labels.architecture) == ("amd64", "arm64")
    assert (one.metadata.labels.variant, other.metadata.labels.variant) == ("", "v9")
    assert other.status.node_info.container_runtime_version == "containerd://2.2.1"


@pytest.mark.parametrize(
    "document",
    [
        {"Pod": a_pod_document()},
        {"Pod": a_pod_document(), "Nodes": None, "NodeNames": None},
        {"Pod": a_pod_document(), "Nodes": {"metadata": {}, "items": None}},
        {"Pod": a_pod_document(), "Nodes": {"metadata": {}, "items": []}},
        {"Pod": a_pod_document(), "Nodes": {"metadata": {}}},
        {"Pod": a_pod_document(), "NodeNames": []},
    ],
    ids=["missing", "null", "null items", "empty items", "missing items", "empty names"],
)
def test_what_go_leaves_out_is_empty_however_it_is_written(document: dict[str, Any]) -> None:
    args = read_extender_args(json.dumps(document).encode())
    assert read_node_names(args.node_names) == []
    assert (args.nodes, list(node_bodies(args.body, args.nodes))) == ([], [])


def test_a_null_inside_an_object_is_a_missing_field() -> None:
    pod = a_pod_document()
    pod["metadata"]["labels"] = None
    pod["spec"] |= {"initContainers": None, "volumes": None, "nodeSelector": None, "tolerations": None}
    pod["spec"]["containers"][0]["ports"] = None
    node = a_node_document("a")
    node["spec"]["taints"] = None
    node["status"]["nodeInfo"]["kernelVersion"] = None
    node["metadata"]["labels"] = None
    args = read_extender_args(extender_args(pod=pod, nodes=[node]))
    assert args.pod.spec.init_containers == []
    assert args.nodes[0].metadata.labels == SentLabels()
    assert len(node_bodies(args.body, args.nodes)) == 1


def test_victims_are_read_as_pods_and_as_uids() -> None:
    body = json.dumps(
        {
            "Pod": a_pod_document(),
            "NodeNameToVictims": {"a": {"Pods": [a_pod_document("low")], "NumPDBViolations": 1}},
            "NodeNameToMetaVictims": {"a": {"Pods": [{"UID": "uid-low"}], "NumPDBViolations": 1}, "b": {"Pods": None}},
        }
    ).encode()
    args = read_preemption_args(body)
    assert args.node_name_to_victims is not None
    assert args.node_name_to_meta_victims is not None
    assert read_victims(args.node_name_to_victims["a"]) == read_meta_victims(args.node_name_to_meta_victims["a"])
    assert read_meta_victims(args.node_name_to_meta_victims["b"]).pods is None


@pytest.mark.parametrize(
    ("body", "phrase"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b"null", "Expected `object`"),
        (b'{"Pod":', "truncated"),
        (b'{"NodeNames":[]}', "missing required field `Pod`"),
        (b'{"pod":{"metadata":{"name":"x"}},"NodeNames":[]}', "missing required field `Pod`"),
        (b'{"Pod":null}', "missing required field `Pod`"),
        (b'{"Pod":{"metadata":{"name":7}}}', "Expected `str`, got `int`"),
        (b'{"Pod":{"metadata":{"name":"x"}}} trailing', "trailing"),
        (b'{"Pod":{"metadata":{"name":"\xff"}}}', "not UTF-8"),
        (b"[" * 100_000, "ecursion"),
        (b'{"Pod":{"metadata":{"name":"x"}},"x":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}", "ecursion"),
    ],
)
def test_a_malformed_body_is_refused_with_a_sentence(body: bytes, phrase: str) -> None:
    with pytest.raises(MalformedBody, match="(?s).*" + phrase.replace("`", ".")):
        read_extender_args(body)


@pytest.mark.parametrize(
    "names", [b'["a":"b"]', b'{"a","b"}', b'["a" "b"]', b'["a",]', b'["a"', b'["a\x01"]', b'["\\u12"]']
)
def test_names_that_are_not_json_are_refused_unread(names: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_extender_args(b'{"Pod":{"metadata":{"name":"x"}},"NodeNames":' + names + b"}")


@pytest.mark.parametrize("names", [b"[1]", b'["a",null]', b'{"a":1}', b'"a"'])
def test_names_that_are_none_are_refused(names: bytes) -> None:
    with pytest.raises(MalformedBody, match="NodeNames"):
        read_node_names(msgspec.Raw(names))


@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_be_read_or_refused(body: bytes) -> None:
    for read in READERS:
        with contextlib.suppress(MalformedBody):
            read(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "Pod": st.fixed_dictionaries(
                {}, optional={"metadata": _JSON | st.just({"name": "x"}), "spec": _JSON, "status": _JSON}
            ),
            "Nodes": _JSON | st.fixed_dictionaries({"items": _JSON}),
            "NodeNames": _JSON,
            "NodeNameToVictims": _JSON,
            "NodeNameToMetaVictims": _JSON,
        },
    )
)
def test_no_document_of_nearly_the_right_form_gets_through_half_read(document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    with contextlib.suppress(MalformedBody):
        args = read_extender_args(body)
        read_node_names(args.node_names)
        assert len(args.nodes) == len(node_bodies(args.body, args.nodes))
        preemption = read_preemption_args(body)
        for victims in (preemption.node_name_to_victims or {}).values():
            read_victims(victims)
        for victims in (preemption.node_name_to_meta_victims or {}).values():
            read_meta_victims(victims)


@given(st.binary(min_size=1, max_size=3), st.integers(min_value=0), st.integers(min_value=0, max_value=2))
def test_no_damage_to_a_good_body_does_harm(noise: bytes, place: int, how: int) -> None:
    good = extender_args(nodes=[a_node_document("a"), a_node_document("b")])
    place %= len(good)
    damaged = (good[:place], good[:place] + noise + good[place:], good[:place] + noise + good[place + len(noise) :])[
        how
    ]
    with contextlib.suppress(MalformedBody):
        args = read_extender_args(damaged)
        assert len(args.nodes) == len(node_bodies(args.body, args.nodes))
