"""The way to the API server: which configuration holds, and the wait until the server answers.

Owns the choice between kubeconfig and the ServiceAccount of a pod. ``kubeconfig`` and ``in_cluster`` read them;
``requests`` is what one gets.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from scheduler.kube.backoff import Backoff
from scheduler.kube.errors import ApiError, explain
from scheduler.kube.requests import ApiClient, RequestSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_DEFAULT_KUBECONFIG = "~/.kube/config"


async def connect(
    kubeconfig: str | None = None,
    context: str | None = None,
    *,
    settings: RequestSettings | None = None,
    environment: Mapping[str, str] = os.environ,
) -> ApiClient:
    """A client for the named kubeconfig; else for KUBECONFIG or ~/.kube/config if present; else for this pod.

    Sends nothing yet. Raises InvalidConnection when the configuration cannot be used.
    """
    # The official client takes a third of a second to import, too long for every command that does not connect.
    from scheduler.kube.in_cluster import read_service_account
    from scheduler.kube.kubeconfig import read_kubeconfig

    paths = kubeconfig or environment.get("KUBECONFIG") or _present(_DEFAULT_KUBECONFIG)
    if paths or context:
        endpoint, credentials = await read_kubeconfig(paths or _DEFAULT_KUBECONFIG, context)
    else:
        endpoint, credentials = read_service_account(environment=environment)
    return ApiClient(endpoint, credentials, settings)


def _present(path: str) -> str:
    return path if Path(path).expanduser().is_file() else ""


class _Version(msgspec.Struct, rename="camel"):
    git_version: str = ""


async def wait_until_reachable(
    client: ApiClient,
    on_problem: Callable[[str], None],
    *,
    backoff: Backoff | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> str:
    """Ask for the version until there is an answer, and return it: ``v1.37.2``.

    ``on_problem`` gets a sentence after each attempt that failed: which server, why, what to do about it, and when the
    next attempt is. Whoever does not want to wait for ever cancels.
    """
    backoff = backoff or Backoff()
    while True:
        try:
            return (await client.get("/version", _Version)).git_version
        except ApiError as error:
            delay = max(backoff.next(), error.retry_after or 0.0)
            on_problem(f"{explain(error, client.server)}; trying again in {delay:.1f} s")
        await sleep(delay)
