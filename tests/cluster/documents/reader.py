"""A reader of the documents who has a cluster: runs their commands in order, in a checkout, on the real control plane.

What a test cannot have is replaced, and nothing else:

* kwok's kubelets run no containers. Once pods of the Deployment are ready, the process that they would hold is started
  beside the cluster: with the arguments of the live Deployment, the files of the ConfigMaps and Secrets that it mounts
  and a token of the ServiceAccount. It is started anew when these change, and stopped when the Deployment is gone.
* There is no Internet. A ``hosts.toml``, as nodes behind a mirror have it, leads every registry to one on the loopback,
  and the setting that keeps the scheduler from its own loopback is lifted.
* There is no container engine. ``docker buildx build --push`` is answered by an index that has the platforms asked for,
  and no program in it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from scheduler.sandbox.process import SchedulerProcess, scheduler_process
from tests.cluster.binaries import binary
from tests.cluster.images import ImagePlatform
from tests.cluster.installation import NAME
from tests.cluster.kube_client import ApiFailure, eventually
from tests.docs.console import Session, Step, agrees, steps, write_files

if TYPE_CHECKING:
    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.images import Publisher
    from tests.cluster.kube_client import KubeClient

ROOT = Path(__file__).parents[3]
FORWARDED = "localhost:10261"
"""Where the documents reach the scheduler through ``kubectl port-forward``."""


@dataclass(frozen=True)
class Contents:
    """Of a pod of the Deployment: arguments, and files by their path."""

    arguments: tuple[str, ...]
    files: dict[str, str]


class Reader:
    """An asynchronous context manager; when it ends, no process that it started is left."""

    def __init__(self, control_plane: ControlPlane, kube: KubeClient, publisher: Publisher, folder: Path) -> None:
        self._control_plane = control_plane
        self._kube = kube
        self._publisher = publisher
        self._folder = folder
        self._running: tuple[Contents, SchedulerProcess, contextlib.AsyncExitStack] | None = None
        self._starts = 0
        self.checkout = folder / "checkout"
        self._prepare()
        path = f"{folder / 'programs'}:{Path(sys.executable).parent}:/usr/bin:/bin"
        environment = {"PATH": path, "KUBECONFIG": str(control_plane.kubeconfig), "HOME": str(folder), "COLUMNS": "110"}
        self._session = Session(self.checkout, environment, {})

    async def follow(self, text: str) -> list[str]:
        """Do all that a page says, and hold it to what it shows; its commands."""
        write_files(text, self.checkout)
        done = []
        for step in steps(text):
            await self._do(step)
            done.append(step.command)
        return done

    async def carry_out(self, command: str) -> str:
        """A command that the page shows without what it prints: it must succeed."""
        code, printed = await asyncio.to_thread(self._session.tried, command)
        assert code == 0, f"{command}\n{printed}"
        return printed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _do(self, step: Step) -> None:
        if step.command.startswith("docker buildx build"):
            self._build(step.command)
            return
        code, printed = await asyncio.to_thread(self._session.tried, self._reachable(step.command))
        assert agrees(step.shown, printed), f"$ {step.command}\n{printed}\n-- but the page shows:\n{step.shown}"
        # What is left out in the page must not be that it failed.
        assert code == 0 or "..." not in step.shown, f"$ {step.command}\n{printed}\n-- ended with {code}"
        await self._be_the_kubelet()

    def _prepare(self) -> None:
        self.checkout.mkdir()
        (self.checkout / "manifests").symlink_to(ROOT / "manifests")
        (self._folder / "programs").mkdir()
        for name in ("kubectl", "helm"):
            (self._folder / "programs" / name).symlink_to(binary(name))
        everywhere = self._folder / "hosts" / "_default"
        everywhere.mkdir(parents=True)
        (everywhere / "hosts.toml").write_text(f'server = "http://{self._publisher.registry.address}"\n')

    def _build(self, command: str) -> None:
        """As far as it goes without an engine: the file is there, the options are docker's, and an image is pushed."""
        parser = argparse.ArgumentParser(exit_on_error=False)
        parser.add_argument("--platform", required=True)
        parser.add_argument("--tag", required=True)
        parser.add_argument("--push", action="store_true", required=True)
        parser.add_argument("context")
        asked = parser.parse_args(shlex.split(command.replace("\\\n", " "))[3:])
        assert (ROOT / asked.context / "Dockerfile").exists()
        _registry, _, repository = asked.tag.partition("/")
        self._publisher.push_index(repository, *map(ImagePlatform.parse, asked.platform.split(",")))

    def _reachable(self, command: str) -> str:
        if FORWARDED not in command or self._running is None:
            return command
        port = re.search(r"health_port=(\d+)", self._running[1].log.read_text())
        assert port is not None
        return command.replace(FORWARDED, f"127.0.0.1:{port[1]}")

    async def _be_the_kubelet(self) -> None:
        wanted = await self._wanted()
        if self._running is not None and self._running[0] != wanted:
            await self._stop()
        if self._running is None and wanted is not None:
            await self._start(wanted)

    async def _wanted(self) -> Contents | None:
        """What is in a pod of the Deployment; None while no pod of it is ready."""
        try:
            deployment = await self._kube.get("Deployment", NAME, NAME, "apps/v1")
        except ApiFailure:
            return None
        if not deployment.get("status", {}).get("readyReplicas"):
            return None
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        files = {
            f"{places[volume['name']]}/{name}": text
            for volume in pod["volumes"]
            for name, text in (await self._mounted(volume)).items()
        }
        return Contents(tuple(container["args"]), files)

    async def _mounted(self, volume: dict[str, Any]) -> dict[str, str]:
        if "configMap" in volume:
            data: dict[str, str] = (await self._kube.get("ConfigMap", volume["configMap"]["name"], NAME))["data"]
            return data
        secret = await self._kube.get("Secret", volume["secret"]["secretName"], NAME)
        return {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}

    async def _start(self, wanted: Contents) -> None:
        self._starts += 1
        root = self._folder / f"pod-{self._starts}"
        for name, text in wanted.files.items():
            file = root / name.removeprefix("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self._outside(text, root) if file.name == "settings.yaml" else text)
        command, *options = wanted.arguments
        assert command == "run"
        token = await self._kube.service_account_token(NAME, NAME)
        access = self._control_plane.admin.as_user(NAME, token)
        kubeconfig = access.write_kubeconfig(root / "account.kubeconfig", NAME)
        stack = contextlib.AsyncExitStack()
        log = root / "log"
        process = await stack.enter_async_context(
            scheduler_process(kubeconfig, log, *(_under(root, each) for each in options), leader_elect=True)
        )
        self._running = wanted, process, stack

        async def leads() -> bool:
            process.check()
            return " leading " in log.read_text()

        await eventually("the scheduler leads", leads, 30.0)

    def _outside(self, text: str, root: Path) -> str:
        """The settings, for a process that is no pod and has no Internet."""
        settings = yaml.safe_load(_under(root, text))
        registries = {"allowLoopback": True, "hostsDirectory": str(self._folder / "hosts")}
        images = settings.get("images", {})
        images = {**images, "registries": {**images.get("registries", {}), **registries}}
        election = {"resourceNamespace": NAME, **settings.get("leaderElection", {})}
        return yaml.safe_dump({**settings, "images": images, "leaderElection": election})

    async def _stop(self) -> None:
        if self._running is not None:
            _, _, stack = self._running
            self._running = None
            await stack.aclose()


def _under(root: Path, text: str) -> str:
    return text.replace("/etc/", f"{root}/etc/")
