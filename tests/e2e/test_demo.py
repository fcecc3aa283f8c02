"""The demo as a user starts it: it tells the story, keeps running when asked to, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "scheduler", "demo")


async def test_the_demo_tells_what_was_placed_what_waits_and_what_a_blind_scheduler_would_have_done() -> None:
    demo = await asyncio.create_subprocess_exec(*COMMAND, stdout=asyncio.subprocess.PIPE)
    output = (await asyncio.wait_for(demo.communicate(), 50))[0].decode()
    assert demo.returncode == 0
    assert "25 pods placed" in output
    assert re.search(r"would have put [1-9]\d* on a node", output)
    assert all(waiting in output for waiting in ("ghost-0", "ledger-0", "typo-0"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_demo_that_keeps_running_ends_in_order(number: signal.Signals, tmp_path: Path) -> None:
    written = tmp_path / "output"
    with written.open("wb") as output:
        demo = await asyncio.create_subprocess_exec(*COMMAND, "--serve", stdout=output)
        try:
            async with asyncio.timeout(50):
                while "kubectl run" not in written.read_text():  # noqa: ASYNC110 - a file, not an event
                    await asyncio.sleep(0.1)
            demo.send_signal(number)
            assert await asyncio.wait_for(demo.wait(), 30) == 0
        finally:
            if demo.returncode is None:
                demo.kill()
    kubeconfig = re.search(r"KUBECONFIG=(\S+)", written.read_text())
    assert kubeconfig is not None
    assert not schedulers_with(kubeconfig.group(1))


def schedulers_with(kubeconfig: str) -> list[str]:
    """The processes that were started with a kubeconfig."""
    commands = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [command for command in commands if kubeconfig in command]
