"""The command line itself: what it offers, how little it loads before it has to, what it completes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("numpy", "msgspec", "aiohttp", "kubernetes", "grpc", "rich", "yaml", "prometheus_client")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=30, env={"PATH": "/usr/bin:/bin", **environment}
    )


def test_help_loads_none_of_the_libraries_that_take_long() -> None:
    code = f"""
import sys
from scheduler.cli import main
try:
    main(["--help"])
except SystemExit as end:
    assert end.code == 0
loaded = [name for name in {HEAVY!r} if name in sys.modules]
assert not loaded, loaded
"""
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    for command in ("run", "demo", "explain", "report", "platforms", "simulate", "evaluate", "check-config"):
        assert command in done.stdout


@pytest.mark.parametrize("command", ["explain", "report", "platforms", "simulate"])
def test_the_kubectl_plugin_has_the_commands_that_ask(command: str) -> None:
    plugin = Path(sys.executable).with_name("kubectl-imageplatform")
    done = run(str(plugin), command, "--help")
    assert done.returncode == 0, done.stderr
    assert f"kubectl-imageplatform {command}" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell_asks_the_command_for_words(shell: str) -> None:
    done = run(sys.executable, "-m", "scheduler", "completion", shell)
    assert done.returncode == 0, done.stderr
    assert "_MULTIARCH_SCHEDULER_COMPLETE" in done.stdout


def test_words_are_completed_in_bash() -> None:
    program = Path(sys.executable).with_name("multiarch-scheduler")
    done = run(
        str(program),
        _MULTIARCH_SCHEDULER_COMPLETE="bash_complete",
        COMP_WORDS="multiarch-scheduler expl",
        COMP_CWORD="1",
    )
    assert done.stdout.split() == ["plain,explain"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ex"], ["explain\tTell why a pod is where it is, or nowhere.", ":4"]),
        (["report", "-o", "h"], ["html", ":4"]),
        ([], [":4"]),
    ],
)
def test_words_are_completed_for_kubectl(words: list[str], expected: list[str]) -> None:
    program = Path(sys.executable).with_name("kubectl_complete-imageplatform")
    lines = run(str(program), *words).stdout.splitlines()
    assert lines[-len(expected) :] == expected
