"""What a user of `make demo ARGS=--serve` does next: the stock kubectl against the sandbox.

Needs a kubectl on the PATH, so it is run by `make test-real`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scheduler.api.node import Node
from scheduler.kube.credentials import FixedCredentials
from scheduler.kube.requests import ApiClient
from scheduler.sandbox.api_server import SandboxApiServer
from scheduler.sandbox.kubelet_status import ImageTrouble
from scheduler.sandbox.kubelets import SandboxKubelets
from scheduler.sandbox.nodes import AMD64_LINUX, ARM64_LINUX, WINDOWS_2022, node
from tests.sandbox.manifests import an_event

pytestmark = pytest.mark.real

_SECONDS = 30.0
POD = """
apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web}
spec:
  schedulerName: multiarch-scheduler
  containers:
  - name: main
    image: ghcr.io/acme/app:1
    ports: [{containerPort: 80}]
"""


@dataclass(frozen=True)
class Output:
    code: int
    out: str
    error: str

    @property
    def rows(self) -> list[list[str]]:
        """The table's lines after its head, as words."""
        return [line.split() for line in self.out.splitlines()[1:]]


class Kubectl:
    """The real program, with a home of its own."""

    def __init__(self, program: str, kubeconfig: Path, home: Path) -> None:
        self._program = program
        self._environment = os.environ | {"KUBECONFIG": str(kubeconfig), "HOME": str(home)}

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            self._program,
            *arguments,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def tries(self, *arguments: str, given: str = "") -> Output:
        process = await self.start(*arguments)
        out, error = await asyncio.wait_for(process.communicate(given.encode()), _SECONDS)
        return Output(process.returncode or 0, out.decode(), error.decode())

    async def does(self, *arguments: str, given: str = "") -> Output:
        output = await self.tries(*arguments, given=given)
        assert output.code == 0, output.error
        return output

    async def reads(self, *arguments: str) -> Any:
        return json.loads((await self.does("get", *arguments, "-o", "json")).out)


@pytest.fixture(scope="module")
def program() -> str:
    found = shutil.which("kubectl")
    assert found is not None, "these tests need kubectl on the PATH; install it, or leave them to make test-real"
    return found


def _can_run(image: str, on: Node) -> ImageTrouble | None:
    wrong = "amd64-only" in image and on.name != "amd64-0"
    return ImageTrouble("no match for platform in manifest: not found") if wrong else None


@pytest.fixture
async def cluster() -> AsyncIterator[SandboxApiServer]:
    """Three nodes with kubelets."""
    async with SandboxApiServer(anonymous=True) as server:
        for name, machine in (("amd64-0", AMD64_LINUX), ("arm64-0", ARM64_LINUX), ("win2022-0", WINDOWS_2022)):
            server.create(node(name, machine))
        client = ApiClient(server.url, FixedCredentials(f"Bearer {server.token}"))
        kubelets = SandboxKubelets(client, _can_run)
        await kubelets.start()
        yield server
        await kubelets.stop()
        await client.close()


@pytest.fixture
def kubectl(program: str, cluster: SandboxApiServer, tmp_path: Path) -> Kubectl:
    cluster.write_kubeconfig(tmp_path / "kubeconfig")
    return Kubectl(program, tmp_path / "kubeconfig", tmp_path)


async def run_on(kubectl: Kubectl, name: str, on: str, image: str = "ghcr.io/acme/app:1") -> None:
    """A pod that is bound already."""
    overrides = json.dumps({"spec": {"nodeName": on, "terminationGracePeriodSeconds": 1}})
    await kubectl.does("run", name, f"--image={image}", f"--overrides={overrides}")


async def test_nodes_are_listed_with_their_platforms(kubectl: Kubectl) -> None:
    table = await kubectl.does("get", "nodes", "-L", "kubernetes.io/os,kubernetes.io/arch")
    assert [row[:3] + row[4:] for row in table.rows] == [
        ["amd64-0", "Ready", "<none>", "v1.37.2", "linux", "amd64"],
        ["arm64-0", "Ready", "<none>", "v1.37.2", "linux", "arm64"],
        ["win2022-0", "Ready", "<none>", "v1.37.2", "windows", "amd64"],
    ]
    wide = (await kubectl.does("get", "node", "win2022-0", "-o", "wide")).out
    assert "Windows Server 2022 Datacenter" in wide
    assert "10.0.20348.2849 (amd64)" in wide


async def test_a_node_is_described_with_its_pods_and_lease(kubectl: Kubectl) -> None:
    await run_on(kubectl, "web", "arm64-0")
    await kubectl.does("wait", "--for=condition=Ready", "pod/web")
    text = (await kubectl.does("describe", "node", "arm64-0")).out
    assert "HolderIdentity:  arm64-0" in text
    assert "Non-terminated Pods:          (1 in total)" in text
    assert "KubeletReady" in text


async def test_a_pod_is_applied_read_and_deleted(kubectl: Kubectl) -> None:
    assert (await kubectl.does("apply", "-f", "-", given=POD)).out == "pod/web created\n"
    assert (await kubectl.does("apply", "-f", "-", given=POD)).out == "pod/web unchanged\n"
    changed = POD.replace("app: web", "app: shop")
    assert "app: shop" in (await kubectl.tries("diff", "-f", "-", given=changed)).out
    assert (await kubectl.does("apply", "-f", "-", given=changed)).out == "pod/web configured\n"
    assert (await kubectl.does("apply", "--server-side", "--force-conflicts", "-f", "-", given=changed)).code == 0
    assert (await kubectl.reads("pod", "web"))["metadata"]["labels"] == {"app": "shop"}
    assert (await kubectl.does("get", "pods", "-A", "-l", "app=shop", "-o", "name")).out == "pod/web\n"
    assert (await kubectl.does("get", "pods", "--field-selector", "spec.nodeName=")).rows[0][:3] == [
        "web",
        "0/1",
        "Pending",
    ]
    assert (await kubectl.does("delete", "pod", "web")).out.startswith('pod "web" deleted')


async def test_a_pod_is_described_with_its_events(kubectl: Kubectl, cluster: SandboxApiServer) -> None:
    await kubectl.does("apply", "-f", "-", given=POD)
    uid = (await kubectl.reads("pod", "web"))["metadata"]["uid"]
    note = "0/3 nodes are available: 3 node(s) can't run image ghcr.io/acme/app:1 (built for linux/s390x)."
    about = {"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "web", "uid": uid}
    cluster.create(an_event("web.1", "default", note=note, regarding=about))

    described = (await kubectl.does("describe", "pod", "web")).out
    assert "FailedScheduling" in described
    assert note in described
    assert note in (await kubectl.does("get", "events")).out
    assert note in (await kubectl.does("events", "--for", "pod/web")).out
    assert note in (await kubectl.does("get", "events.events.k8s.io", "-o", "json")).out


async def test_a_pod_on_the_wrong_node_is_seen_failing(kubectl: Kubectl) -> None:
    await run_on(kubectl, "wrong", "arm64-0", "amd64-only:1")
    for _ in range(100):
        if (await kubectl.does("get", "pods")).rows[0][2] in {"ErrImagePull", "ImagePullBackOff"}:
            break
    described = (await kubectl.does("describe", "pod", "wrong")).out
    assert "no match for platform in manifest" in described
    assert "Failed to pull image" in described


async def test_a_watch_shows_the_life_of_a_pod(kubectl: Kubectl) -> None:
    watch = await kubectl.start("get", "pods", "-w", "-o", "wide")
    assert watch.stdout is not None
    try:
        await run_on(kubectl, "web", "amd64-0")
        seen = ""
        while "Running" not in seen:
            seen = (await asyncio.wait_for(watch.stdout.readline(), _SECONDS)).decode()
        assert seen.split()[0] == "web"
        await kubectl.does("delete", "pod", "web", "--wait=false")
        while "Terminating" not in seen:
            seen = (await asyncio.wait_for(watch.stdout.readline(), _SECONDS)).decode()
    finally:
        watch.terminate()
        await watch.communicate()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (POD.replace("schedulerName", "shedulerName"), 'unknown field "spec.shedulerName"'),
        (POD.replace("name: web", "name: Web_1"), "metadata.name: Invalid value"),
        (POD.replace("image: ghcr.io/acme/app:1", "command: [x]"), "spec.containers[0].image: Required value"),
        (POD.replace("containerPort: 80", 'containerPort: "80"'), "cannot unmarshal string"),
        (POD.replace("kind: Pod", "kind: Pot"), 'no matches for kind "Pot"'),
    ],
)
async def test_mistakes_are_explained(kubectl: Kubectl, wrong: str, said: str) -> None:
    output = await kubectl.tries("apply", "-f", "-", given=wrong)
    assert output.code != 0
    assert said in output.error


async def test_nodes_are_cordoned_tainted_labelled_and_drained(kubectl: Kubectl) -> None:
    await run_on(kubectl, "web", "amd64-0")
    await kubectl.does("wait", "--for=condition=Ready", "pod/web")
    await kubectl.does("label", "node", "amd64-0", "disk=ssd")
    await kubectl.does("annotate", "node", "amd64-0", "note=here")
    await kubectl.does("taint", "node", "amd64-0", "dedicated=x:NoSchedule")
    await kubectl.does("taint", "node", "amd64-0", "dedicated=x:NoExecute")
    await kubectl.does("taint", "node", "amd64-0", "dedicated:NoSchedule-")
    await kubectl.does("drain", "amd64-0", "--force", "--ignore-daemonsets")
    drained = await kubectl.reads("node", "amd64-0")
    assert drained["spec"] == {
        "taints": [{"key": "dedicated", "value": "x", "effect": "NoExecute"}],
        "unschedulable": True,
    }
    assert (drained["metadata"]["labels"]["disk"], drained["metadata"]["annotations"]["note"]) == ("ssd", "here")
    assert (await kubectl.does("get", "pods", "-o", "name")).out == ""
    await kubectl.does("uncordon", "amd64-0")
    assert (await kubectl.does("get", "node", "amd64-0")).rows[0][1] == "Ready"


async def test_the_three_patches_of_kubectl_work(kubectl: Kubectl) -> None:
    await kubectl.does("apply", "-f", "-", given=POD)
    add = '[{"op":"add","path":"/metadata/labels/x","value":"1"}]'
    await kubectl.does("patch", "pod", "web", "--type=json", "-p", add)
    await kubectl.does("patch", "pod", "web", "--type=merge", "-p", '{"metadata":{"labels":{"app":null}}}')
    image = '{"spec":{"containers":[{"name":"main","image":"other:2"}]}}'
    await kubectl.does("patch", "pod", "web", "-p", image)
    pod = await kubectl.reads("pod", "web")
    assert (pod["metadata"]["labels"], pod["spec"]["containers"][0]["image"]) == ({"x": "1"}, "other:2")


async def test_a_namespace_with_a_pull_secret_is_set_up_and_torn_down(kubectl: Kubectl) -> None:
    await kubectl.does("create", "namespace", "team")
    login = ("--docker-server=registry.example", "--docker-username=u", "--docker-password=p")
    await kubectl.does("-n", "team", "create", "secret", "docker-registry", "regcred", *login)
    await kubectl.does("-n", "team", "create", "configmap", "settings", "--from-literal=a=b")
    secret = await kubectl.reads("-n", "team", "secret", "regcred")
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    await kubectl.does("-n", "team", "run", "web", "--image=registry.example/app:1")
    assert (await kubectl.does("get", "pods", "-A")).rows[0][:2] == ["team", "web"]
    await kubectl.does("delete", "namespace", "team")
    assert (await kubectl.does("get", "pods", "-A")).out == ""
    missing = await kubectl.tries("-n", "team", "run", "web", "--image=app:1")
    assert 'namespaces "team" not found' in missing.error


async def test_the_server_can_be_asked_about_itself(kubectl: Kubectl) -> None:
    resources = (await kubectl.does("api-resources", "-o", "name")).out.split()
    assert {"pods", "nodes", "events", "leases.coordination.k8s.io", "deployments.apps"} <= set(resources)
    assert "v1.37.2-sandbox" in (await kubectl.does("version")).out
    assert (await kubectl.does("auth", "can-i", "create", "pods/binding")).out == "yes\n"
    assert "schedulerName" in (await kubectl.does("explain", "pod.spec")).out
    assert "is running at" in (await kubectl.does("cluster-info")).out


async def test_other_kinds_are_kept_and_printed(kubectl: Kubectl) -> None:
    await kubectl.does("create", "deployment", "web", "--image=nginx", "--replicas=3")
    await kubectl.does("create", "priorityclass", "high", "--value=1000")
    await kubectl.does("create", "serviceaccount", "bob")
    await kubectl.does("create", "clusterrole", "reader", "--verb=get", "--resource=pods")
    await kubectl.does("create", "clusterrolebinding", "bob", "--clusterrole=reader", "--serviceaccount=default:bob")
    assert (await kubectl.does("get", "deployments")).rows[0][:4] == ["web", "0/3", "0", "0"]
    assert (await kubectl.does("get", "priorityclass", "high")).rows[0][:3] == ["high", "1000", "false"]
    assert (await kubectl.does("get", "clusterrolebinding", "bob")).rows[0][:2] == ["bob", "ClusterRole/reader"]
    assert "deployment.apps/web" in (await kubectl.does("get", "all")).out


async def test_a_client_without_the_token_is_let_in_only_when_that_was_allowed(program: str, tmp_path: Path) -> None:
    """Over plain HTTP kubectl keeps its token to itself."""
    async with contextlib.AsyncExitStack() as stack:
        strict = await stack.enter_async_context(SandboxApiServer())
        strict.write_kubeconfig(tmp_path / "kubeconfig")
        output = await Kubectl(program, tmp_path / "kubeconfig", tmp_path).tries("get", "nodes")
    assert output.code != 0
    assert "forbidden" in output.error.lower()
