"""``multiarch-scheduler report``: reads workloads from a cluster, asks registries, and hands over to ``assess``.

Owns the order of these steps, the progress that is shown, and which platforms are told of by default: those of the
cluster's nodes, and linux/amd64 and linux/arm64 in any case.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from scheduler.api.node import Node
from scheduler.commands.live.cluster import list_objects
from scheduler.commands.live.images import ImageQuestions
from scheduler.commands.readiness.assess import Images, assess
from scheduler.commands.readiness.document import ReadinessReport
from scheduler.commands.readiness.workloads import PATHS, Workload, read_workload
from scheduler.images.node_platform import node_platform, typical_node
from scheduler.images.platform import parse_platform
from scheduler.images.pod_images import pod_images
from scheduler.kube.connection import connect
from scheduler.kube.errors import ApiError, InvalidConnection, MalformedAnswer, NotFound
from scheduler.kube.requests import ApiClient

ALWAYS_TOLD = ("linux/amd64", "linux/arm64")
NODES = "/api/v1/nodes"
AT_ONCE = 16
"""Workloads whose images are asked for together."""


T = TypeVar("T")
_node_decoder = msgspec.json.Decoder(Node)


class CannotReport(Exception):
    """The cluster cannot be asked. The text says why."""


async def report_live(
    *,
    kubeconfig: str | None,
    context: str | None,
    namespaces: Sequence[str],
    platforms: Sequence[str],
    plain_http: tuple[str, ...],
    console: Console,
) -> ReadinessReport:
    """``platforms``: empty for the default. Raises CannotReport, InvalidPlatform. Progress goes to ``console``."""
    wanted = [typical_node(parse_platform(text)) for text in platforms]
    try:
        client = await connect(kubeconfig, context)
    except InvalidConnection as error:
        raise CannotReport(str(error)) from error
    questions = ImageQuestions(client, plain_http)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    try:
        with bar:
            task = bar.add_task("reading the cluster", total=None)
            notes: list[str] = []
            nodes = [node_platform(node) async for node in _read(client, NODES, _node_decoder)]
            workloads = await _workloads(client, frozenset(namespaces), notes)
            bar.update(task, description="asking registries", total=len(workloads))
            found = await _resolved(workloads, questions, lambda: bar.advance(task))
        told = wanted or [*nodes, *(typical_node(parse_platform(text)) for text in ALWAYS_TOLD)]
        targets = {str(platform): platform for platform in reversed(told)}  # the nodes' own, where there are some
        return assess(found, dict(sorted(targets.items())), Counter(map(str, nodes)), [*questions.problems, *notes])
    except ApiError as error:
        raise CannotReport(f"{client.server}: {error}") from error
    finally:
        await questions.close()
        await client.close()


async def _read(client: ApiClient, path: str, decoder: msgspec.json.Decoder[T]) -> AsyncIterator[T]:
    async for document in list_objects(client, path):
        try:
            yield decoder.decode(document)
        except msgspec.DecodeError as error:
            raise MalformedAnswer(f"GET {path}: {error}") from error


async def _workloads(client: ApiClient, namespaces: frozenset[str], notes: list[str]) -> list[Workload]:
    """Of these namespaces, or of all. What may not be listed is told in ``notes``."""
    found = []
    for kind, path in PATHS.items():
        try:
            async for document in list_objects(client, path):
                workload = read_workload(kind, document)
                if workload is not None and (not namespaces or workload.pod.metadata.namespace in namespaces):
                    found.append(workload)
        except NotFound:
            continue  # a cluster that does not serve this kind has none
        except msgspec.DecodeError as error:
            notes.append(f"a {kind} could not be read: {error}")
        except ApiError as error:
            notes.append(f"{path.rpartition('/')[2]} were not seen: {error}")
    return found


async def _resolved(
    workloads: Sequence[Workload], questions: ImageQuestions, advance: Callable[[], None]
) -> list[tuple[Workload, Images]]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(workload: Workload) -> tuple[Workload, Images]:
        pod = workload.pod
        secrets = [reference.name for reference in pod.spec.image_pull_secrets if reference.name]
        async with room:
            images = await questions.answers(pod.metadata.namespace, secrets, pod_images(pod))
        advance()
        return workload, images

    return await asyncio.gather(*map(one, workloads))
