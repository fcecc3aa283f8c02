"""Console blocks of documents, run as a reader would run them: what they print must be what the document shows.

A fenced block ``console`` holds commands, each after ``$ ``, and under each what it prints; a line that ends in a
backslash goes on in the next. A file that the reader is to write is a fenced block under a line that holds nothing but
its name in backquotes and a colon. The test of a document compares; run as a program, it writes the document anew.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^`([\w./-]+)`:\n\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 60


@dataclass(frozen=True)
class Step:
    """One command, and what the document says that it prints."""

    command: str
    shown: str


@dataclass
class Session:
    """Where commands run: their folder and environment; ``words`` are replaced in what they print."""

    folder: Path
    environment: Mapping[str, str]
    words: Mapping[str, str]

    def run(self, command: str) -> str:
        """What the command prints, errors included."""
        return self.tried(command)[1]

    def tried(self, command: str) -> tuple[int, str]:
        """The exit code, and what the command prints."""
        done = subprocess.run(
            ["bash", "-c", command],
            check=False,
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
        text = done.stdout
        for word, shown in self.words.items():
            text = text.replace(word, shown)
        lines = "".join(line.rstrip() + "\n" for line in text.splitlines()).strip("\n")
        return done.returncode, lines + "\n" if lines else ""


def steps(text: str) -> Iterator[Step]:
    for block in _BLOCK.findall(text):
        yield from _steps(block)


def agrees(shown: str, printed: str) -> bool:
    """Whether it printed what is shown: ``...`` stands for any part of a line, and alone in a line for any lines."""
    pattern = "".join(
        r"(?:.*\n)*" if line == "..." else re.escape(line).replace(re.escape("..."), ".*") + r"\n"
        for line in shown.splitlines()
    )
    return re.fullmatch(pattern, printed) is not None


def write_files(text: str, folder: Path) -> None:
    for name, content in _FILE.findall(text):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def renewed(text: str, session: Session) -> str:
    """The document with what its commands print now."""
    write_files(text, session.folder)

    def block(match: re.Match[str]) -> str:
        parts = [f"$ {step.command}\n{session.run(step.command)}" for step in _steps(match[1])]
        return "```console\n" + "".join(parts) + "```"

    return _BLOCK.sub(block, text)


def _steps(block: str) -> Iterator[Step]:
    command: list[str] = []
    shown: list[str] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield Step("\n".join(command), "".join(shown))
            command, shown = [line.removeprefix("$ ")], []
        elif command[-1].endswith("\\") and not shown:
            command.append(line)
        else:
            shown.append(line + "\n")
    if command:
        yield Step("\n".join(command), "".join(shown))
