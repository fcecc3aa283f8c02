"""The Dockerfile as the tests read it: stages of instructions, and the files that the build is given.

Only what our own file uses is understood; anything else is an error rather than a guess.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]

_WORDS = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "USER", "WORKDIR"}


@dataclass
class Stage:
    """``base``: what FROM names; instructions in their order, each a word and the rest of it."""

    base: str
    name: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def of(self, word: str) -> list[str]:
        return [text for each, text in self.instructions if each == word]

    def the(self, word: str) -> str:
        """Of an instruction that is there once."""
        (text,) = self.of(word)
        return text

    def pairs(self, word: str) -> dict[str, str]:
        """What LABEL, ENV or ARG set."""
        return dict(pair.split("=", 1) for text in self.of(word) for pair in shlex.split(text) if "=" in pair)


def stages(text: str) -> list[Stage]:
    """Arguments before the first FROM are put in where they are used."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    arguments: dict[str, str] = {}
    found: list[Stage] = []
    for line in joined.splitlines():
        word, _, rest = line.partition(" ")
        if word not in _WORDS:
            raise ValueError(f"no test knows what {word} means: {line}")
        if word != "RUN":
            rest = re.sub(r"\$\{(\w+)\}", lambda match: arguments[match.group(1)], rest)
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base, name))
        elif not found:
            name, _, value = rest.partition("=")
            arguments[name] = value
        else:
            found[-1].instructions.append((word, rest.strip()))
    return found


def read() -> list[Stage]:
    return stages((ROOT / "Dockerfile").read_text())


def words(text: str) -> list[str]:
    """Of the exec form, ``["a", "b"]``; ValueError for the shell's."""
    found = json.loads(text)
    if not isinstance(found, list):
        raise TypeError(f"{text} is no list of words")
    return found


def context() -> list[Path]:
    """The files that the build is given, as git knows them and .dockerignore lets them through; below the root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    paths = [path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()]
    return [Path(path) for path in paths if is_given(path, (ROOT / ".dockerignore").read_text())]


def is_given(path: str, ignore: str) -> bool:
    """The last line that matches the path, or a folder above it, decides."""
    above = [path, *map(str, Path(path).parents)]
    given = True
    for line in ignore.splitlines():
        if line and not line.startswith("#"):
            pattern = _regular(line.removeprefix("!"))
            if any(pattern.fullmatch(each) for each in above):
                given = line.startswith("!")
    return given


def _regular(pattern: str) -> re.Pattern[str]:
    """``*`` stays within a folder, ``**/`` is any number of them."""
    parts = re.split(r"(\*\*/|\*|\[[^]]+\])", pattern)
    meaning = {"**/": "(?:.*/)?", "*": "[^/]*"}
    return re.compile("".join(part if part.startswith("[") else meaning.get(part, re.escape(part)) for part in parts))
