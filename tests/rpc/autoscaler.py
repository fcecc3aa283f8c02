"""cluster-autoscaler, as far as an expander notices it: our Go program over Kubernetes' own types.

`program/` holds it; `python -m tests.cluster.binaries autoscaler` builds it. It is started once for each question.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.cluster.binaries import binary

Form = Literal["old", "new", "both"]

_PATIENCE = 30.0


@dataclass(frozen=True)
class Answer:
    """``code``: of grpc-go, as ``OK``; ``groups``: in the answer's order; ``size``: bytes of the request."""

    code: str
    message: str
    groups: list[str]
    seconds: float
    size: int


async def ask(address: str, authority: Path, question: dict[str, Any], form: Form) -> Answer:
    """The question (as `messages.go` reads it), asked as an autoscaler asks. Raises NotBuilt."""
    program = await asyncio.create_subprocess_exec(
        binary("autoscaler"),
        f"-url={address}",
        f"-cert={authority}",
        f"-form={form}",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            output, complaint = await program.communicate(json.dumps(question).encode())
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    assert program.returncode == 0, complaint.decode()
    answer = json.loads(output)
    return Answer(answer["code"], answer.get("message", ""), answer["groups"], answer["seconds"], answer["bytes"])
