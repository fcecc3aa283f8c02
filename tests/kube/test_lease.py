"""A lease as it is read and written: against a scripted server, whose answers are cut like real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from scheduler.kube.errors import AlreadyExists, Conflict, MalformedAnswer, NotFound
from scheduler.kube.lease import LeaseRequests, LeaseSpec
from tests.kube.scripted_server import ok, refused

if TYPE_CHECKING:
    from scheduler.kube.requests import ApiClient
    from tests.kube.scripted_server import ScriptedServer

LEASES = "/apis/coordination.k8s.io/v1/namespaces/system/leases"
LEASE: dict[str, Any] = {
    "metadata": {
        "name": "ours",
        "namespace": "system",
        "resourceVersion": "7",
        "labels": {"team": "a"},
        "managedFields": [{"manager": "x", "fieldsV1": {"f:spec": {}}}],
    },
    "spec": {"holderIdentity": "other", "leaseDurationSeconds": 15, "leaseTransitions": 3, "strategy": "OldestWins"},
}
MINE = LeaseSpec(holder_identity="me", lease_duration_seconds=15, renew_time="2026-09-21T14:13:20.000000Z")


@pytest.fixture
def requests(client: ApiClient) -> LeaseRequests:
    return LeaseRequests(client, "system", "ours")


async def test_what_others_put_into_a_lease_is_written_back(server: ScriptedServer, requests: LeaseRequests) -> None:
    server.script(f"GET {LEASES}/ours", ok(LEASE))
    server.script(f"PUT {LEASES}/ours", ok(LEASE))
    lease = await requests.read()
    await requests.write(lease, msgspec.structs.replace(lease.spec, holder_identity="me"))
    (put,) = server.requests(f"PUT {LEASES}/ours")
    assert put.json == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": LEASE["metadata"],
        "spec": {**LEASE["spec"], "holderIdentity": "me"},
    }


async def test_a_lease_that_is_not_there_is_created_and_nobody_is_written_as_no_holder(
    server: ScriptedServer, requests: LeaseRequests
) -> None:
    server.script(f"POST {LEASES}", ok(LEASE, status=201))
    lease = await requests.write(None, msgspec.structs.replace(MINE, holder_identity=""))
    (post,) = server.requests(f"POST {LEASES}")
    assert post.json["metadata"] == {"name": "ours", "namespace": "system"}
    assert "holderIdentity" not in post.json["spec"]
    assert lease.spec.lease_transitions == 3


async def test_refuseds_tell_what_they_are(server: ScriptedServer, requests: LeaseRequests) -> None:
    server.script(f"GET {LEASES}/ours", refused(404, "NotFound"), ok(LEASE))
    server.script(f"POST {LEASES}", refused(409, "AlreadyExists"))
    server.script(f"PUT {LEASES}/ours", refused(409, "Conflict"), ok(b"{"))
    with pytest.raises(NotFound):
        await requests.read()
    with pytest.raises(AlreadyExists):
        await requests.write(None, MINE)
    lease = await requests.read()
    with pytest.raises(Conflict):
        await requests.write(lease, MINE)
    with pytest.raises(MalformedAnswer):
        await requests.write(lease, MINE)
