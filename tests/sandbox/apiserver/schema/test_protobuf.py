"""Bodies as Go's protobuf writes them, put together here byte by byte."""

from __future__ import annotations

import pytest

from scheduler.sandbox.apiserver.schema.decoding import parse_body
from scheduler.sandbox.apiserver.schema.protobuf import MEDIA_TYPE, parse_protobuf
from scheduler.sandbox.apiserver.statuses import StatusError


def varint(value: int) -> bytes:
    encoded = bytearray()
    value &= 2**64 - 1
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def text(field: int, value: str | bytes) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(content)) + content


def message(field: int, *parts: bytes) -> bytes:
    return text(field, b"".join(parts))


def envelope(api_version: str, kind: str, *parts: bytes) -> bytes:
    type_meta = message(1, text(1, api_version), text(2, kind))
    return b"k8s\0" + type_meta + message(2, *parts) + text(3, "") + text(4, "")


def test_a_secret_is_read() -> None:
    body = envelope(
        "v1",
        "Secret",
        message(1, text(1, "regcred"), text(3, ""), message(8)),  # metadata: name, an empty namespace and time
        message(2, text(1, ".dockerconfigjson"), text(2, b'{"auths":{}}')),
        message(2, text(1, "empty")),
        text(3, "kubernetes.io/dockerconfigjson"),
    )
    assert parse_body(body, MEDIA_TYPE) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "regcred"},
        "data": {".dockerconfigjson": "eyJhdXRocyI6e319", "empty": ""},
        "type": "kubernetes.io/dockerconfigjson",
    }


def test_a_pod_is_read_with_its_embedded_structs_quantities_and_times() -> None:
    container = message(
        2,
        text(1, "main"),
        text(2, "nginx"),
        message(6, text(1, ""), number(2, 0), number(3, 80), text(4, "TCP")),  # a port
        message(8, message(2, text(1, "cpu"), message(2, text(1, "500m")))),  # requests
        number(16, 0),  # stdin: false
        message(
            10,  # a probe, its handler embedded
            message(1, message(2, message(2, number(1, 1), number(2, 0), text(3, "http")))),
            number(3, 5),
        ),
    )
    volume = message(1, text(1, "data"), message(2, message(6, text(1, "regcred"))))  # the source embedded
    spec = message(2, volume, container, number(4, 2**64 - 1), text(10, "node-1"))
    status = message(3, message(7, number(1, 1_767_225_600), number(2, 0)))
    body = envelope("v1", "Pod", message(1, text(1, "a")), spec, status)
    assert parse_protobuf(body) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a"},
        "spec": {
            "volumes": [{"name": "data", "secret": {"secretName": "regcred"}}],
            "containers": [
                {
                    "name": "main",
                    "image": "nginx",
                    "ports": [{"containerPort": 80, "protocol": "TCP"}],
                    "resources": {"requests": {"cpu": "500m"}},
                    "livenessProbe": {"httpGet": {"port": "http"}, "timeoutSeconds": 5},
                }
            ],
            "terminationGracePeriodSeconds": -1,
            "nodeName": "node-1",
        },
        "status": {"startTime": "2026-01-01T00:00:00Z"},
    }


def test_a_time_in_microseconds_is_read() -> None:
    body = envelope("coordination.k8s.io/v1", "Lease", message(2, message(4, number(1, 0), number(2, 1_500_000))))
    assert parse_protobuf(body)["spec"] == {"renewTime": "1970-01-01T00:00:00.001500Z"}


def test_options_of_a_deletion_are_read() -> None:
    body = envelope("v1", "DeleteOptions", number(1, 5), message(2, text(1, "uid-1")))
    assert parse_protobuf(body)["gracePeriodSeconds"] == 5
    assert parse_protobuf(body)["preconditions"] == {"uid": "uid-1"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"k8s\0\xff",
        b"k8s\0" + message(1, text(1, "v1"), text(2, "Pod")) + b"\x12\x7f",
        envelope("v1", "Pod", message(1, b"\x0f")),
        envelope("v1", "Pod", number(1, 5)),
        envelope("v1", "Pod", message(1, text(1, b"\xff"))),
        envelope("v1", "Pot"),
    ],
    ids=repr,
)
def test_broken_bytes_are_a_bad_request(body: bytes) -> None:
    with pytest.raises(StatusError) as caught:
        parse_protobuf(body)
    assert caught.value.code == 400
