"""What docs/operations.md says beyond its commands: settings that are understood, the extra, the levels of the log."""

from __future__ import annotations

import re
import tomllib

import yaml

from scheduler.config.settings import parse_settings
from scheduler.telemetry.logs import level_of
from tests.docs.console import DOCS

PAGE = (DOCS / "operations.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_settings_that_it_shows_are_understood() -> None:
    shown = [text for text in blocks("yaml") if set(yaml.safe_load_all(text).__next__()) <= {"serving", "tracing"}]
    settings = [parse_settings(text, "operations.md") for text in shown]
    assert [each.serving.authorization for each in settings] == ["delegated", "none"]
    assert settings[1].tracing.sampling_rate_per_million == 1_000_000


def test_the_shorter_times_of_the_election_go_together() -> None:
    shown = re.findall(r"`((?:lease|renew|retry)\w+): (\d+)`", PAGE)
    text = yaml.safe_dump({"leaderElection": {name: int(value) for name, value in shown}})
    assert parse_settings(text, "operations.md").leader_election.lease_duration_seconds == 6


def test_its_image_with_traces_installs_what_the_extra_says() -> None:
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]
    (dockerfile,) = blocks("dockerfile")
    assert re.findall(r"'([^']+)'", dockerfile) == project["optional-dependencies"]["traces"]


def test_its_levels_of_the_log_are_those_of_the_option() -> None:
    rows = re.findall(r"^\| `-v (\d)`.*?\| `logging.level: (\w+)`", PAGE, re.MULTILINE)
    assert rows
    assert [level_of(int(verbosity)) for verbosity, _ in rows] == [level for _, level in rows]
