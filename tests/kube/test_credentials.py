from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scheduler.kube.credentials import TokenFile
from scheduler.kube.errors import Unauthorized

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def write(path: Path, token: str) -> None:
    path.write_text(token)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("first\n")
    return path


async def test_a_token_file_is_read_again_once_a_minute(path: Path, clock: Clock) -> None:
    credentials = TokenFile(path, clock=clock)
    assert await credentials.authorization() == "Bearer first"
    write(path, "second\n")
    clock.now += 59
    assert await credentials.authorization() == "Bearer first"
    clock.now += 1
    assert await credentials.authorization() == "Bearer second"


async def test_a_refused_token_is_read_again_at_once(path: Path, clock: Clock) -> None:
    credentials = TokenFile(path, clock=clock)
    refused = await credentials.authorization()
    write(path, "second")
    credentials.rejected(refused)
    assert await credentials.authorization() == "Bearer second"
    write(path, "third")
    credentials.rejected(refused)  # a late answer to the first token says nothing about the second
    assert await credentials.authorization() == "Bearer second"


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: write(path, "")])
async def test_the_last_token_stays_while_the_file_cannot_be_used(
    path: Path, clock: Clock, damage: Callable[[Path], object]
) -> None:
    credentials = TokenFile(path, clock=clock)
    await credentials.authorization()
    damage(path)
    clock.now += 60
    assert await credentials.authorization() == "Bearer first"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"two\nlines"])
async def test_without_any_token_the_error_names_the_file(tmp_path: Path, clock: Clock, content: bytes | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Unauthorized, match=str(path)):
        await TokenFile(path, clock=clock).authorization()
