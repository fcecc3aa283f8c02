"""The door: who may come in, what a kubeconfig says, faults on demand, and stopping."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import ipaddress
import json
import ssl
import stat
from pathlib import Path

import aiohttp
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scheduler.kube.connection import connect
from scheduler.sandbox.api_server import LARGEST_BODY, SandboxApiServer
from scheduler.sandbox.apiserver.statuses import StatusError
from tests.sandbox.conftest import Api, connected
from tests.sandbox.manifests import a_binding, a_node, a_pod

PODS = "/api/v1/namespaces/default/pods"


@pytest.mark.parametrize(
    ("anonymous", "token", "status"),
    [(False, None, 403), (False, "wrong", 401), (True, None, 200), (True, "wrong", 401), (False, "right", 200)],
)
async def test_a_token_opens_the_door(anonymous: bool, token: str | None, status: int) -> None:
    async with SandboxApiServer(anonymous=anonymous) as server, aiohttp.ClientSession() as session:
        text = server.token if token == "right" else token
        headers = {} if text is None else {"Authorization": f"Bearer {text}"}
        async with session.get(f"{server.url}/api/v1/pods", headers=headers) as response:
            assert response.status == status
            assert (await response.json())["kind"] == ("PodList" if status == 200 else "Status")


async def test_health_needs_no_token(server: SandboxApiServer) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("/healthz", "/readyz", "/livez", "/version"):
            async with session.get(server.url + path) as response:
                assert response.status == 200


async def test_the_kubeconfig_connects_the_schedulers_own_client(server: SandboxApiServer, tmp_path: Path) -> None:
    server.create(a_node("node-1"))
    path = tmp_path / "kubeconfig"
    server.write_kubeconfig(path)
    client = await connect(str(path))
    try:
        node = msgspec.json.decode(await client.request("GET", "/api/v1/nodes/node-1"))
    finally:
        await client.close()
    assert node["metadata"]["name"] == "node-1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == server.kubeconfig()


def a_certificate(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A server's TLS context for the loopback, and the PEM text that makes it trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "tls.crt").write_bytes(pem)
    (folder / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    return context, pem.decode()


async def test_it_can_serve_tls(tmp_path: Path) -> None:
    context, ca = a_certificate(tmp_path)
    async with SandboxApiServer(ssl_context=context, ca=ca) as server:
        assert server.url.startswith("https://127.0.0.1:")
        server.write_kubeconfig(tmp_path / "kubeconfig")
        client = await connect(str(tmp_path / "kubeconfig"))
        body = await client.request("GET", "/api/v1/namespaces/default")
        await client.close()
        await asyncio.sleep(0.1)  # aiohttp does not wait until the TLS connections that it closes are closed
    assert msgspec.json.decode(body)["metadata"]["name"] == "default"


async def test_a_new_cluster_has_what_every_cluster_has(sandbox: Api) -> None:
    namespaces = await sandbox.get("/api/v1/namespaces")
    classes = await sandbox.get("/apis/scheduling.k8s.io/v1/priorityclasses")
    assert namespaces.names == ["default", "kube-node-lease", "kube-public", "kube-system"]
    assert classes.names == ["system-cluster-critical", "system-node-critical"]
    assert (await sandbox.get("/api/v1/pods")).names == []


async def test_objects_can_be_put_in_without_a_request(server: SandboxApiServer, sandbox: Api) -> None:
    server.create(a_node("node-1"))
    server.create(a_pod("a"))
    assert (await sandbox.get(PODS)).names == ["a"]
    with pytest.raises(StatusError, match="already exists"):
        server.create(a_pod("a"))
    with pytest.raises(StatusError, match="unknown field"):
        server.create(a_pod("b", shedulerName="x"))
    with pytest.raises(ValueError, match="serves no v1 Pot"):
        server.create({"apiVersion": "v1", "kind": "Pot", "metadata": {"name": "a"}})


async def test_requests_are_counted(server: SandboxApiServer, sandbox: Api) -> None:
    await sandbox.create(PODS, a_pod("a"))
    await sandbox.create(f"{PODS}/a/binding", a_binding("a"))
    await sandbox.get(PODS)
    async with sandbox.watch(PODS):
        pass
    await sandbox.get("/version")
    assert server.requests == {
        "POST pods": 1,
        "POST pods/binding": 1,
        "GET pods": 1,
        "WATCH pods": 1,
        "GET /version": 1,
    }


async def test_a_body_has_a_limit(sandbox: Api) -> None:
    answer = await sandbox.ask("POST", PODS, io.BytesIO(b"x" * (LARGEST_BODY + 1)))
    assert (answer.status, answer.reason) == (413, "RequestEntityTooLarge")


# Faults


async def test_requests_can_be_refused(server: SandboxApiServer, sandbox: Api) -> None:
    await sandbox.create(PODS, a_pod("a"))
    server.faults.refuse("POST", "/binding$", status=429, reason="TooManyRequests", retry_after=7, times=2)
    for _ in range(2):
        answer = await sandbox.ask("POST", f"{PODS}/a/binding", a_binding("a"))
        assert (answer.status, answer.reason, answer.headers["Retry-After"]) == (429, "TooManyRequests", "7")
        assert answer.document["details"]["retryAfterSeconds"] == 7
        assert (await sandbox.get(PODS)).status == 200
    assert (await sandbox.ask("POST", f"{PODS}/a/binding", a_binding("a"))).status == 201


@pytest.mark.parametrize(("after_effect", "node"), [(True, "node-1"), (False, None)])
async def test_a_connection_can_break_before_and_after_the_effect(
    server: SandboxApiServer, sandbox: Api, after_effect: bool, node: str | None
) -> None:
    await sandbox.create(PODS, a_pod("a"))
    server.faults.hang_up("POST", "/binding$", after_effect=after_effect)
    with pytest.raises(aiohttp.ClientConnectionError):
        await sandbox.ask("POST", f"{PODS}/a/binding", a_binding("a"))
    assert (await sandbox.get(f"{PODS}/a")).document["spec"].get("nodeName") == node


async def test_a_request_can_be_slow(server: SandboxApiServer, sandbox: Api) -> None:
    server.faults.delay("GET", "/nodes$", seconds=0.2)
    slow = asyncio.create_task(sandbox.get("/api/v1/nodes"))
    assert (await sandbox.get("/api/v1/nodes/missing")).status == 404
    assert not slow.done()
    assert (await slow).status == 200


async def test_every_so_many_requests_can_fail(server: SandboxApiServer, sandbox: Api) -> None:
    server.faults.refuse("GET", "/nodes$", status=500, every=3, times=2)
    statuses = [(await sandbox.get("/api/v1/nodes")).status for _ in range(9)]
    assert statuses == [200, 200, 500, 200, 200, 500, 200, 200, 200]


async def test_watches_can_fail_while_lists_do_not(server: SandboxApiServer, sandbox: Api) -> None:
    server.faults.refuse("WATCH", "/nodes$", status=410, reason="Expired")
    assert (await sandbox.get("/api/v1/nodes")).status == 200
    assert (await sandbox.get("/api/v1/nodes?watch=1")).status == 410


async def test_bindings_that_took_effect_are_recorded_and_no_others(server: SandboxApiServer, sandbox: Api) -> None:
    for name in "abc":
        await sandbox.create(PODS, a_pod(name))
    server.faults.hang_up("POST", "/a/binding$", after_effect=True)
    server.faults.refuse("POST", "/b/binding$", status=500)
    with pytest.raises(aiohttp.ClientConnectionError):
        await sandbox.ask("POST", f"{PODS}/a/binding", a_binding("a"))
    for path in ("a/binding", "b/binding", "c/binding?dryRun=All"):
        await sandbox.ask("POST", f"{PODS}/{path}", a_binding(path[0]))
    assert server.bindings == [("default/a", "node-1")]


async def test_faults_can_be_called_off(server: SandboxApiServer, sandbox: Api) -> None:
    server.faults.refuse("GET", ".", status=500, times=100)
    assert (await sandbox.get(PODS)).status == 500
    server.faults.clear()
    assert (await sandbox.get(PODS)).status == 200


async def test_watches_can_be_cut(server: SandboxApiServer, sandbox: Api) -> None:
    await sandbox.create(PODS, a_pod("a"))
    async with sandbox.watch(PODS) as first, sandbox.watch("/api/v1/nodes") as second:
        await first.take(1)
        server.cut_watches()
        assert (await first.next(), await second.next()) == (None, None)
    async with sandbox.watch(PODS) as third:
        assert await third.take(1) == ["ADDED a"]


async def test_forgotten_history_is_gone(server: SandboxApiServer, sandbox: Api) -> None:
    for name in "abc":
        await sandbox.create(PODS, a_pod(name))
    page = (await sandbox.get(PODS, limit=1)).document["metadata"]
    server.forget_history()

    async with sandbox.watch(PODS, resourceVersion=page["resourceVersion"]) as events:
        event = await events.next()
        assert event is not None
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert await events.next() is None

    exact = await sandbox.get(PODS, resourceVersion=page["resourceVersion"], resourceVersionMatch="Exact")
    assert (exact.status, exact.reason) == (410, "Expired")

    expired = await sandbox.get(PODS, limit=2, **{"continue": page["continue"]})
    assert (expired.status, expired.reason) == (410, "Expired")
    rest = await sandbox.get(PODS, limit=2, **{"continue": expired.document["metadata"]["continue"]})
    assert rest.names == ["b", "c"]

    fresh = (await sandbox.get(PODS)).document["metadata"]["resourceVersion"]
    async with sandbox.watch(PODS, resourceVersion=fresh) as events:
        await sandbox.create(PODS, a_pod("d"))
        assert await events.take(1) == ["ADDED d"]


async def test_a_watch_from_before_the_window_is_too_old() -> None:
    async with SandboxApiServer(window=10) as server, connected(server.url, server.token) as api:
        revision = server.revision
        for index in range(40):
            server.create(a_pod(f"p{index}"))
        async with api.watch(PODS, resourceVersion=revision) as events:
            event = await events.next()
        assert event is not None
        assert event["object"]["code"] == 410
        async with api.watch(PODS, resourceVersion=server.revision - 5) as events:
            assert await events.take(5) == [f"ADDED p{index}" for index in range(35, 40)]


async def test_a_watch_that_falls_behind_the_window_is_closed() -> None:
    async with (
        SandboxApiServer(window=10) as server,
        connected(server.url, server.token) as api,
        api.watch(PODS) as events,
    ):
        await asyncio.sleep(0.05)
        for index in range(100):  # without a pause in which the watch could read
            server.create(a_pod(f"p{index}"))
        assert await events.next() is None


async def test_a_client_that_leaves_is_nothing_to_speak_of(
    server: SandboxApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Leaving between two lines, and in the middle of a flood of them."""
    for name in ("idle", "busy"):
        async with connected(server.url, server.token) as api, api.watch(PODS):
            if name == "busy":
                for index in range(2_000):
                    server.create(a_pod(f"p{index}"))
                await asyncio.sleep(0)
        await asyncio.sleep(0.05)
    server.create(a_pod("after"))
    await asyncio.sleep(0.05)
    assert caplog.records == []


async def test_stopping_ends_watches_and_can_be_repeated() -> None:
    server = SandboxApiServer()
    await server.start()
    async with connected(server.url, server.token) as api, api.watch("/api/v1/nodes") as events:
        await server.stop()
        await server.stop()
        assert await events.next() is None
        with pytest.raises(aiohttp.ClientConnectionError):
            await api.get("/version")


async def test_a_deleted_namespace_takes_its_content_along(sandbox: Api) -> None:
    """With a controller's help in a real cluster, by itself here."""
    await sandbox.create("/api/v1/namespaces", {"metadata": {"name": "team"}})
    pods = "/api/v1/namespaces/team/pods"
    await sandbox.create(pods, a_pod("free"))
    await sandbox.create(pods, a_pod("bound"))
    await sandbox.create(f"{pods}/bound/binding", a_binding("bound"))

    deleted = await sandbox.ask("DELETE", "/api/v1/namespaces/team")
    assert deleted.document["status"]["phase"] == "Terminating"
    assert (await sandbox.get(pods)).names == ["bound"]
    refused = await sandbox.ask("POST", pods, a_pod("late"))
    assert (refused.status, refused.reason) == (403, "Forbidden")

    await sandbox.ask("DELETE", f"{pods}/bound", {"gracePeriodSeconds": 0})
    assert (await sandbox.get("/api/v1/namespaces/team")).status == 404
