"""docs/autoscaler.md: its settings and arguments are understood, its commands print and do what it says."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Any

import grpc
import grpc.aio
import pytest
import yaml

from scheduler.cli.running import expander
from scheduler.config.serving import TlsSettings
from scheduler.config.settings import Settings, parse_settings
from scheduler.images.content import declared_content
from scheduler.images.platform import parse_platform
from scheduler.rpc.proto.expander_pb2 import BestOptionsResponse
from scheduler.sandbox.scenario import ScenarioImage
from scheduler.sandbox.stage import sandbox_stage
from tests.docs.console import DOCS, Session, renewed
from tests.rpc.builders import node_bytes, pod_bytes, question
from tests.rpc.serving import BEST_OPTIONS, channel, served
from tests.rpc.test_commands import settings, started

DOCUMENT = DOCS / "autoscaler.md"
EXPANDER = DOCS.parent / "manifests" / "expander"
ADDRESS = "127.0.0.1:10262"
DECLARED = {
    "registry.example/shop/web:1": ("linux/amd64", "linux/arm64"),
    "registry.example/shop/proxy:2": ("linux/amd64",),
}


def blocks(kind: str) -> list[str]:
    found = re.findall(rf"^( *)```{kind}\n(.*?)^ *```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    return [dedent(text) for _, text in found]


@pytest.fixture(scope="module")
def objects() -> dict[str, dict[str, Any]]:
    """What is to be applied, by kind."""
    files = (EXPANDER / name for name in yaml.safe_load((EXPANDER / "kustomization.yaml").read_text())["resources"])
    return {each["kind"]: each for file in files for each in yaml.safe_load_all(file.read_text())}


@pytest.fixture(scope="module")
def told(objects: dict[str, dict[str, Any]]) -> Settings:
    return parse_settings(objects["ConfigMap"]["data"]["settings.yaml"], "settings.yaml")


def test_the_deployment_starts_the_expander_with_the_settings_that_it_mounts(objects, told: Settings):
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    command, *arguments = container["args"]
    parsed = expander.make_context(command, arguments).params
    mounts = {mount["name"]: Path(mount["mountPath"]) for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert (command, parsed["config"]) == ("expander", mounts["settings"] / "settings.yaml")
    assert volumes["settings"]["configMap"]["name"] == objects["ConfigMap"]["metadata"]["name"]
    assert told.rpc.tls is not None
    assert {Path(told.rpc.tls.certificate).parent, Path(told.rpc.tls.key).parent} == {mounts["tls"]}
    secret = volumes["tls"]["secret"]["secretName"]
    assert f"create secret tls {secret} " in DOCUMENT.read_text()
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": told.rpc.port, "http": told.serving.port}


def test_the_autoscaler_calls_the_service_at_its_port(objects, told: Settings):
    flags = dict(flag.removeprefix("--").split("=") for flag in yaml.safe_load(blocks("yaml")[0]))
    service = objects["Service"]
    host, port = flags["grpc-expander-url"].split(":")
    assert host == f"{service['metadata']['name']}.{objects['Namespace']['metadata']['name']}.svc"
    assert service["spec"]["ports"][0] == {"name": "grpc", "port": told.rpc.port, "targetPort": "grpc"}
    assert int(port) == told.rpc.port
    selector = service["spec"]["selector"]
    assert selector == objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert flags["expander"].split(",")[0] == "grpc"


def test_the_network_policy_lets_in_who_calls_the_named_ports(objects):
    policy = objects["NetworkPolicy"]["spec"]
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert policy["podSelector"] == objects["Deployment"]["spec"]["selector"]
    let_in = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    assert let_in == {port["name"] for port in container["ports"]}
    (callers,) = (rule["from"] for rule in policy["ingress"] if rule["ports"][0]["port"] == "grpc")
    assert callers
    for caller in callers:
        assert caller["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
        assert "cluster-autoscaler" in str(caller["podSelector"])


def test_the_expander_alone_has_the_one_right_that_it_needs(objects):
    assert objects["ClusterRole"]["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
    (subject,) = objects["ClusterRoleBinding"]["subjects"]
    account = objects["ServiceAccount"]["metadata"]["name"]
    assert subject["name"] == account == objects["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"]


@pytest.mark.real  # like the other pages whose steps take openssl: what a plain machine has is enough for the rest
async def test_the_certificate_made_by_hand_is_trusted_under_the_name_of_the_service(tmp_path: Path):
    (script,) = blocks("sh")
    make = partial(subprocess.run, ["sh", "-e"], input=script, text=True, cwd=tmp_path, check=True, capture_output=True)
    await asyncio.to_thread(make)
    files = TlsSettings(certificate=str(tmp_path / "tls.crt"), key=str(tmp_path / "tls.key"))
    name = yaml.safe_load(blocks("yaml")[0])[1].split("=")[1].split(":")[0]
    asked = question({"amd": (node_bytes("linux/amd64"), [])}).SerializeToString()
    async with served(tls=files) as server:
        credentials = grpc.ssl_channel_credentials((tmp_path / "tls.crt").read_bytes())
        options = [("grpc.ssl_target_name_override", name)]
        async with grpc.aio.secure_channel(server.address, credentials, options) as connection:
            call = connection.unary_unary(BEST_OPTIONS, response_deserializer=BestOptionsResponse.FromString)
            response: Any = await call(asked, timeout=5)
    assert [option.nodeGroupId for option in response.options] == ["amd"]


async def test_the_log_reads_as_shown(tmp_path: Path):
    (shown,) = blocks("text")
    async with sandbox_stage(tmp_path, kubelets=False) as stage:
        stage.push(ScenarioImage("shop/inference", "1", (parse_platform("linux/arm64"),)))
        stage.push(ScenarioImage("shop/web", "1", tuple(map(parse_platform, ("linux/amd64", "linux/arm64")))))
        inference, web = (pod_bytes(name, f"{stage.registry}/shop/{name}:1") for name in ("inference", "web"))
        asked = question(
            {
                "pool-amd64": (node_bytes("linux/amd64"), [inference]),
                "pool-arm64": (node_bytes("linux/arm64"), [inference, web]),
                "pool-windows": (node_bytes("windows/amd64"), [inference, web]),
            }
        )
        file = settings(tmp_path, None, images={"readPullSecrets": False})
        async with started(tmp_path, "expander", f"--config={file}") as (rpc, _), channel(rpc) as connection:
            await connection.unary_unary(BEST_OPTIONS)(asked.SerializeToString(), timeout=5)
        lines = (tmp_path / "log").read_text().replace(stage.registry, "registry.example").splitlines()
    said = [re.sub(r"seconds=[\d.]+", "seconds=0.005", line.partition(" ")[2]) for line in lines]
    assert [line for line in said if "answered" in line or "dropped" in line] == shown.splitlines()


async def page_as_it_is_now(folder: Path) -> str:
    async with served() as server:
        server.resolver.declare(
            {name: declared_content(tuple(map(parse_platform, each))) for name, each in DECLARED.items()}
        )
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        session = Session(folder, {"PATH": path, "GRPC_VERBOSITY": "NONE"}, {})
        text = DOCUMENT.read_text().replace(ADDRESS, server.address)
        return (await asyncio.to_thread(renewed, text, session)).replace(server.address, ADDRESS)


async def test_the_client_prints_what_is_shown(tmp_path: Path):
    assert await page_as_it_is_now(tmp_path) == DOCUMENT.read_text()


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        DOCUMENT.write_text(asyncio.run(page_as_it_is_now(Path(folder))))
