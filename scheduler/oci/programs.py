"""Running a credential program: a request on its standard input, an answer on its standard output, within a time.

Owns the process and its bounds. What programs write on standard error is dropped: it may hold secrets, and it is not
for us to show.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

_LONGEST_OUTPUT = 1024 * 1024
_ENDING = 2.0


class ProgramFailed(Exception):
    """The program could not be run or gave no answer in time. The message names it and holds nothing of its output."""


async def run(
    program: Path | str, arguments: Sequence[str], request: bytes, seconds: float, environment: Mapping[str, str]
) -> tuple[int, bytes]:
    """(exit status, standard output). ``environment`` is added to our own. Raises ProgramFailed."""
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
    except OSError as error:
        raise ProgramFailed(f"{program} cannot be run: {(error.strerror or 'unknown reason').lower()}") from None
    try:
        async with asyncio.timeout(seconds):
            return await _converse(process, request, program)
    except TimeoutError:
        raise ProgramFailed(f"{program} gave no answer within {seconds:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            with contextlib.suppress(TimeoutError):  # a child of the program may hold its output open
                async with asyncio.timeout(_ENDING):
                    await process.communicate()  # reads to the end, else the pipe stays open


async def _converse(process: asyncio.subprocess.Process, request: bytes, program: Path | str) -> tuple[int, bytes]:
    if process.stdin is None or process.stdout is None:
        raise AssertionError(program)  # both are pipes
    try:
        process.stdin.write(request)
        await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        pass  # it answers without reading
    output = bytearray()
    while chunk := await process.stdout.read(65536):
        output += chunk
        if len(output) > _LONGEST_OUTPUT:
            raise ProgramFailed(f"{program} answered with more than {_LONGEST_OUTPUT} bytes")
    return await process.wait(), bytes(output)
