"""Kubeconfigs of all kinds, a pod's ServiceAccount, and the wait for the server: through real files and commands."""

from __future__ import annotations

import base64
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from scheduler.kube.connection import connect, wait_until_reachable
from scheduler.kube.errors import InvalidConnection, Unauthorized
from scheduler.kube.in_cluster import own_namespace, read_service_account
from scheduler.kube.requests import ApiClient
from tests.kube.pki import Authority, common_name
from tests.kube.scripted_server import ScriptedServer, dropped, ok, refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

VERSION = "GET /version"


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
async def secure(authority: Authority, tmp_path: Path) -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(authority.server_context(tmp_path)) as started:
        started.always(VERSION, ok({"gitVersion": "v1.37.2"}))
        yield started


def write_kubeconfig(path: Path, server: str, user: dict[str, Any] | None, **cluster: Any) -> Path:
    context = {"cluster": "c"} | ({} if user is None else {"user": "u"})
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": context}],
        "clusters": [{"name": "c", "cluster": {"server": server} | cluster}],
        "users": [] if user is None else [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def ask(
    server: ScriptedServer, kubeconfig: Path | None, context: str | None = None, **options: Any
) -> Mapping[str, str]:
    """The headers of a request made through this configuration."""
    server.always(VERSION, ok({"gitVersion": "v1.37.2"}))
    client = await connect(None if kubeconfig is None else str(kubeconfig), context, **options)
    problems: list[str] = []
    assert await wait_until_reachable(client, problems.append) == "v1.37.2", problems
    assert problems == []
    assert client.server == server.url
    await client.close()
    return server.received[-1].headers


def plugin(tmp_path: Path, code: str) -> dict[str, Any]:
    """A credential plugin that is a real command."""
    script = tmp_path / "plugin.py"
    script.write_text(code)
    api_version = "client.authentication.k8s.io/v1"
    return {
        "exec": {
            "apiVersion": api_version,
            "command": sys.executable,
            "args": [str(script)],
            "env": [{"name": "TOKEN_PREFIX", "value": "from"}],
            "interactiveMode": "Never",
        }
    }


GOOD_PLUGIN = """
import json, os
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
token = os.environ["TOKEN_PREFIX"] + "-plugin"
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": {"token": token}}))
"""


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (None, None),
        ({}, None),
        ({"token": "abc"}, "Bearer abc"),
        ({"token": "abc\n"}, "Bearer abc"),
        ({"tokenFile": "token.txt"}, "Bearer from-a-file"),
        ({"token": "abc", "tokenFile": "token.txt"}, "Bearer from-a-file"),
        ({"username": "me", "password": "secret"}, f"Basic {b64(b'me:secret')}"),
    ],
)
async def test_each_kind_of_user_is_sent_as_its_header(
    secure: ScriptedServer, authority: Authority, tmp_path: Path, user: dict[str, Any] | None, expected: str | None
) -> None:
    (tmp_path / "token.txt").write_text("from-a-file\n")
    kubeconfig = write_kubeconfig(
        tmp_path / "config", secure.url, user, **{"certificate-authority-data": b64(authority.pem)}
    )
    assert (await ask(secure, kubeconfig)).get("Authorization") == expected


async def test_a_plugin_is_run_for_its_token(server: ScriptedServer, tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "config", server.url, plugin(tmp_path, GOOD_PLUGIN))
    assert (await ask(server, kubeconfig))["Authorization"] == "Bearer from-plugin"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import sys; sys.exit('please log in first')", "please log in first"),
        ("print('not json')", "failed to decode process output"),
        ("print('{}')", "missing key 'apiVersion'"),
    ],
)
async def test_a_plugin_that_fails_is_reported_in_its_words(
    server: ScriptedServer, tmp_path: Path, code: str, expected: str
) -> None:
    client = await connect(str(write_kubeconfig(tmp_path / "config", server.url, plugin(tmp_path, code))))
    with pytest.raises(Unauthorized, match=expected):
        await client.request("GET", "/version")
    assert server.received == []
    await client.close()


async def test_a_client_certificate_comes_from_files_or_is_embedded(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("me")
    (tmp_path / "me.crt").write_bytes(certificate)
    (tmp_path / "me.key").write_bytes(key)
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    files = {"client-certificate": "me.crt", "client-key": "me.key"}
    embedded = {"client-certificate-data": b64(certificate), "client-key-data": b64(key)}
    async with ScriptedServer(authority.server_context(tmp_path, clients=True)) as server:
        for user in (files, embedded):
            kubeconfig = write_kubeconfig(tmp_path / "config", server.url, user, **{"certificate-authority": "ca.crt"})
            await ask(server, kubeconfig)
    assert [common_name(seen) for seen in server.client_certificates] == ["me", "me"]


@pytest.mark.parametrize("cluster", [{"insecure-skip-tls-verify": True}, {"tls-server-name": "apiserver"}])
async def test_what_a_cluster_says_of_tls_is_heeded(
    secure: ScriptedServer, authority: Authority, tmp_path: Path, cluster: dict[str, Any]
) -> None:
    if "tls-server-name" in cluster:
        cluster |= {"certificate-authority-data": b64(authority.pem)}
    await ask(secure, write_kubeconfig(tmp_path / "config", secure.url, {}, **cluster))


async def test_requests_go_through_the_proxy_of_the_cluster(server: ScriptedServer, tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "config", "http://api.invalid:6443", {}, **{"proxy-url": server.url})
    client = await connect(str(kubeconfig))
    server.always(VERSION, ok({}))
    await client.request("GET", "/version")
    assert server.received[0].headers["Host"] == "api.invalid:6443"
    await client.close()


async def test_a_context_is_chosen_and_files_are_merged(server: ScriptedServer, tmp_path: Path) -> None:
    first = write_kubeconfig(tmp_path / "one", "http://127.0.0.1:1", {"token": "one"})
    other = yaml.safe_load(first.read_text())
    other["contexts"] = [{"name": "there", "context": {"cluster": "d", "user": "v"}}]
    other["clusters"] = [{"name": "d", "cluster": {"server": server.url}}]
    other["users"] = [{"name": "v", "user": {"token": "two"}}]
    other["current-context"] = "nowhere"
    (tmp_path / "two").write_text(yaml.safe_dump(other))
    environment = {"KUBECONFIG": f"{tmp_path}/absent:{first}:{tmp_path}/two"}
    headers = await ask(server, None, "there", environment=environment)
    assert headers["Authorization"] == "Bearer two"


async def test_the_default_kubeconfig_is_used_when_none_is_named(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    write_kubeconfig(tmp_path / ".kube" / "config", server.url, {"token": "home"})
    assert (await ask(server, None, environment={}))["Authorization"] == "Bearer home"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (None, "there is no such file"),
        ("", "config cannot be used"),
        ("- a\n- list", "config cannot be used"),
        ("a: [", "while parsing"),
        ({"current-context": "other"}, "name other in"),
        ({"current-context": ""}, "config cannot be used"),
        ({"contexts": [{"name": "here", "context": {"cluster": "x"}}]}, "name x in"),
        ({"contexts": [{"name": "here", "context": {"cluster": "c", "user": "x"}}]}, "name x in"),
        ({"clusters": [{"name": "c", "cluster": {"certificate-authority": "ca.crt"}}]}, "cluster c has no server"),
        ({"clusters": [{"name": "c", "cluster": {"server": "htps://h"}}]}, "htps://h of cluster c is no http or https"),
        ({"clusters": [{"name": "c", "cluster": {"server": "https://h:port"}}]}, "config cannot be used"),
        ({"users": [{"name": "u", "user": {"token": "two\nlines"}}]}, "cannot be sent in a header"),
        (
            {"clusters": [{"name": "c", "cluster": {"server": "https://h", "certificate-authority": "gone.crt"}}]},
            "gone.crt",
        ),
        (
            {"clusters": [{"name": "c", "cluster": {"server": "https://h", "certificate-authority-data": "bm8="}}]},
            "certificate authority .* cannot be read",
        ),
        ({"users": [{"name": "u", "user": {"exec": {"args": []}}}]}, "missing key 'command'"),
        ({"users": [{"name": "u", "user": {"client-certificate": "gone.crt"}}]}, "gone.crt"),
    ],
)
async def test_a_kubeconfig_that_cannot_be_used_is_named_with_the_reason(
    tmp_path: Path, change: dict[str, Any] | str | None, expected: str
) -> None:
    path = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", {"token": "secret-token"})
    if change is None:
        path.unlink()
    elif isinstance(change, str):
        path.write_text(change)
    else:
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | change))
    with pytest.raises(InvalidConnection, match=expected) as caught:
        await connect(str(path))
    assert str(path) in str(caught.value)
    assert "secret-token" not in str(caught.value)


async def test_a_pod_uses_its_service_account(secure: ScriptedServer, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("pod-token\n")
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    endpoint, credentials = read_service_account(
        str(tmp_path / "token"),
        str(tmp_path / "ca.crt"),
        {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(secure.port)},
    )
    client = ApiClient(endpoint, credentials)
    await client.request("GET", "/version")
    (tmp_path / "token").write_text("rotated\n")
    secure.script(VERSION, refused(401, "Unauthorized"))
    await client.request("GET", "/version")
    await client.close()
    assert [request.headers["Authorization"] for request in secure.received] == [
        "Bearer pod-token",
        "Bearer pod-token",
        "Bearer rotated",
    ]


def test_a_pod_knows_its_namespace_and_whoever_is_none_has_none(tmp_path: Path) -> None:
    file = tmp_path / "namespace"
    assert own_namespace(file) is None
    file.write_text("schedulers\n")
    assert own_namespace(file) == "schedulers"


async def test_outside_of_a_cluster_and_without_a_kubeconfig_the_error_says_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InvalidConnection, match=r"no kubeconfig.*Service host/port is not set"):
        await connect(environment={})


async def test_the_wait_for_the_server_says_which_server_and_why(server: ScriptedServer, client: ApiClient) -> None:
    server.script(
        VERSION,
        dropped,
        refused(401, "Unauthorized", "Unauthorized"),
        refused(403, "Forbidden", "forbidden: User cannot get path"),
        refused(503, "ServiceUnavailable", "shutting down", Retry_After="90"),
        ok(b"<html>"),
        ok({"gitVersion": "v1.37.2"}),
    )
    problems: list[str] = []
    delays: list[float] = []

    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    assert await wait_until_reachable(client, problems.append, sleep=sleep) == "v1.37.2"
    for problem, expected in zip(
        problems,
        ["connection was cut", "check the token", "grant it in the ClusterRole", "shutting down", "GET /version"],
        strict=True,
    ):
        assert server.url in problem
        assert expected in problem
    assert delays[3] == 90.0


def test_the_official_client_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, scheduler.kube.connection; sys.exit('kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0
