"""A scripted API server and a client of it, for one test each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduler.kube.requests import ApiClient, RequestSettings
from tests.kube.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as started:
        yield started


@pytest.fixture
async def client(server: ScriptedServer) -> AsyncIterator[ApiClient]:
    """Impatient, so that a silent server costs a test little."""
    made = ApiClient(server.url, settings=RequestSettings(timeout=0.3))
    yield made
    await made.close()
