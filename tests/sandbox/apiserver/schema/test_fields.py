"""The table of fields: complete in itself, and the same that the real API server publishes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scheduler.sandbox.apiserver.resources import RESOURCES
from scheduler.sandbox.apiserver.schema.derive import derive
from scheduler.sandbox.apiserver.schema.fields import (
    definition_of,
    definitions,
    empty_object,
    field_type,
    fields_of,
    is_definition,
    read_type,
)
from tests.cluster.control_plane import ControlPlane
from tests.sandbox.conftest import connected

SCALARS = {"string", "integer", "number", "boolean", "any", "time", "bytes", "quantity", "int-or-string"}


def test_every_type_is_a_scalar_or_defined() -> None:
    words = set()
    for fields in definitions().values():
        for text in fields.values():
            kind = read_type(text)
            while kind.container:
                kind = kind.item
            words.add(kind.word)
    assert {word for word in words if not is_definition(word)} <= SCALARS


def test_every_resource_is_defined() -> None:
    for resource in RESOURCES:
        fields = fields_of(definition_of(resource.api_version, resource.kind))
        assert "metadata" in fields
        assert ("status" in fields) or not resource.status, resource.kind


def test_a_type_is_read_with_all_that_merging_needs() -> None:
    ports = field_type("Container", "ports")
    assert (ports.container, ports.word, ports.merge_key) == ("[]", "ContainerPort", "containerPort")
    assert (ports.apply_keys, ports.key_defaults) == (("containerPort", "protocol"), {"protocol": "TCP"})
    assert field_type("PodSpec", "nodeSelector").atomic
    assert field_type("PodSpec", "volumes").strategies == ("merge", "retainKeys")
    assert field_type("Volume", "secret").numbers == (2, 6)
    assert field_type("ObjectMeta", "finalizers").is_set
    assert not field_type("PodSpec", "tolerations").strategies


def test_an_empty_object_is_what_go_writes() -> None:
    assert empty_object("Pod") == {"metadata": {}, "spec": {"containers": None}, "status": {}}
    assert empty_object("Event") == {
        "metadata": {},
        "involvedObject": {},
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": None,
        "reportingComponent": "",
        "reportingInstance": "",
    }


@pytest.mark.real
async def test_the_fields_are_those_that_the_real_api_server_publishes(
    real_api_server: ControlPlane, tmp_path: Path
) -> None:
    """All but the protobuf numbers, which no API server tells."""
    import ssl

    access = real_api_server.admin
    tls = ssl.create_default_context(cafile=access.ca_file)
    async with connected(access.server, access.token, tls) as api:
        index = json.loads((await api.get("/openapi/v3")).document)["paths"]
        for version in {resource.api_version for resource in RESOURCES} | {"authorization.k8s.io/v1"}:
            path = f"apis/{version}" if "/" in version else f"api/{version}"
            document = (await api.get(index[path]["serverRelativeURL"])).document
            (tmp_path / f"api_{version.replace('/', '_')}_openapi.json").write_text(json.dumps(document))

    published = derive(tmp_path, tmp_path)["definitions"]
    ours = {
        name: {field: re.sub(r" #[\d.]+", "", text) for field, text in fields.items()}
        for name, fields in definitions().items()
    }
    assert ours == published
