"""The least that a scheduler can do: it reads the pending pods once and posts a Binding for each, nothing else.

``python -m bench.e2e.floor KUBECONFIG READY``. It makes the file READY, and begins when it gets SIGCONT.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
from pathlib import Path

import msgspec
import uvloop

from bench.e2e.journal import NAMESPACE
from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.kube.binding import BindResult, bind
from scheduler.kube.connection import connect
from scheduler.kube.requests import RequestSettings

IN_FLIGHT = 64


class _Pods(msgspec.Struct):
    items: list[Pod]


class _Nodes(msgspec.Struct):
    items: list[Node]


async def run(kubeconfig: str, ready: Path) -> None:
    client = await connect(kubeconfig, settings=RequestSettings(connections=IN_FLIGHT))
    go = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGCONT, go.set)
    nodes = [node.name for node in (await client.get("/api/v1/nodes", _Nodes)).items]
    ready.touch()  # noqa: ASYNC240 - nothing else runs yet
    await go.wait()
    pods = (await client.get(f"/api/v1/namespaces/{NAMESPACE}/pods", _Pods, fieldSelector="spec.nodeName=")).items
    waiting = zip(pods, itertools.cycle(nodes), strict=False)

    async def binder() -> None:
        for pod, node in waiting:
            outcome = await bind(client, NAMESPACE, pod.metadata.name, pod.metadata.uid, node)
            if outcome.result is not BindResult.BOUND:
                raise RuntimeError(f"{pod.key}: {outcome.message}")

    await asyncio.gather(*(binder() for _ in range(IN_FLIGHT)))
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], Path(sys.argv[2])))
