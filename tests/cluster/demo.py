"""``make demo-real``: the demo on a real control plane: etcd, kube-apiserver, kwok's kubelets and a real registry."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from scheduler.sandbox.demo import DemoFailed, play
from scheduler.sandbox.process import SchedulerFailed
from tests.cluster.control_plane import ControlPlane
from tests.cluster.images import Publisher
from tests.cluster.kwok import Kwok
from tests.cluster.registry import Registry
from tests.cluster.stage import real_stage


def main(arguments: list[str]) -> int:
    console = Console(highlight=False)
    unknown = set(arguments) - {"--serve"}
    if unknown:
        console.print(f"unknown option {' '.join(sorted(unknown))}; there is only --serve")
        return 2
    with tempfile.TemporaryDirectory(prefix="multiarch-demo-") as name, contextlib.ExitStack() as servers:
        folder = Path(name)
        with console.status("starting etcd, kube-apiserver, kwok and a registry"):
            control_plane = servers.enter_context(ControlPlane(folder))
            servers.enter_context(Kwok(folder, control_plane.kubeconfig))
            registry = servers.enter_context(Registry(folder))
        (folder / "images").mkdir()
        try:
            asyncio.run(
                _play(control_plane, Publisher(registry, folder / "images"), console, folder, "--serve" in arguments)
            )
        except (DemoFailed, SchedulerFailed) as error:
            console.print(f"[bold red]The demo failed:[/] {error}")
            return 1
        except KeyboardInterrupt:
            console.print("Stopped.")
    return 0


async def _play(control_plane: ControlPlane, publisher: Publisher, console: Console, folder: Path, serve: bool) -> None:
    async with real_stage(control_plane, publisher) as stage:
        await play(stage, console, folder, serve=serve)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
