"""The image without an engine: the Dockerfile's own steps, done in a folder that stands for the root.

What differs: paths of the steps lie below the folder, and `python` is one of this machine that every user can run. The
image's file system is then read-only, and its programs run as the user that it names.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from tests.image.dockerfile import ROOT, Stage, context, read

SECONDS = 300
_OURS = re.compile(r"(?<![\w./])/(opt|src|wheel)\b")


@dataclasses.dataclass(frozen=True)
class Image:
    """What was built: `root` stands for the file system; the environment is the image's, and no other."""

    root: Path
    stage: Stage

    @property
    def python(self) -> Path:
        return self.root / "opt/scheduler/bin/python"

    @property
    def environment(self) -> dict[str, str]:
        given = {name: below(self.root, value) for name, value in self.stage.pairs("ENV").items()}
        return {**given, "PATH": given["PATH"].replace("$PATH", "/usr/bin:/bin"), "HOME": "/nowhere"}

    @property
    def user(self) -> dict[str, object]:
        """For subprocess. Who is not root cannot become another, and is none that could do harm."""
        if os.getuid() != 0:
            return {}
        user, group = map(int, self.stage.the("USER").split(":"))
        return {"user": user, "group": group, "extra_groups": []}

    def run(self, *command: str, seconds: float = 30) -> subprocess.CompletedProcess[str]:
        """To its end, as the image would."""
        return subprocess.run(
            self.resolved(*command),
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds,
            cwd="/",
            env=self.environment,
            **self.user,
        )

    def resolved(self, *command: str) -> list[str]:
        """With the program found on the image's PATH, not on ours."""
        program = shutil.which(command[0], path=self.environment["PATH"])
        assert program, f"{command[0]} is not in the image"
        assert program.startswith(str(self.root)), program
        return [program, *command[1:]]


def built(root: Path) -> Image:
    """All steps of the build stage, in their order; what the last stage copies is then made read-only."""
    build, image = read()
    for word, text in build.instructions:
        if word == "COPY":
            *sources, target = shlex.split(text)
            copied(sources, Path(below(root, target)))
        elif word == "RUN":
            step(root, build, text)
    (copy,) = image.of("COPY")
    assert shlex.split(copy) == [f"--from={build.name}", "/opt/scheduler", "/opt/scheduler"]
    for path in (root / "opt/scheduler").rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    return Image(root, image)


def step(root: Path, build: Stage, text: str) -> None:
    """One RUN. Raises CalledProcessError with what it printed."""
    command = re.sub(r"(^|&& )python ", rf"\1{everybodys_python()} ", below(root, text))
    arguments = build.pairs("ARG")
    (root / "src").mkdir(exist_ok=True)
    subprocess.run(
        ["sh", "-ec", command],
        check=True,
        cwd=root / "src",
        env={**os.environ, **arguments, **build.pairs("ENV")},
        timeout=SECONDS,
    )


def copied(sources: list[str], target: Path) -> None:
    """From the context: the working tree as git knows it, less what .dockerignore keeps back."""
    for source in sources:
        files = [file for file in context() if file.is_relative_to(source)]
        assert files, source
        for file in files:
            place = target / file.relative_to(source) if (ROOT / source).is_dir() else target / file
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, place)


def below(root: Path, text: str) -> str:
    return _OURS.sub(rf"{root}/\1", text)


def everybodys_python() -> str:
    """An interpreter, with venv, in folders that every user may pass. AssertionError when there is none."""
    candidates = [sys._base_executable, *(f"{folder}/python3" for folder in ("/usr/local/bin", "/usr/bin"))]
    for candidate in candidates:
        path = Path(candidate).resolve()
        if path.exists() and all(above.stat().st_mode & stat.S_IXOTH for above in path.parents):
            probe = [str(path), "-c", "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"]
            if subprocess.run(probe, check=False, capture_output=True).returncode == 0:
                return str(path)
    raise AssertionError(f"none of {candidates} is a Python from 3.11 on, with venv, that every user can run")
