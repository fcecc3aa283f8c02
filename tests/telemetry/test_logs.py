"""What reaches the log: in both formats the event and its facts, and never the variables of a function that failed."""

from __future__ import annotations

import json
from typing import Literal

import pytest
import structlog

from scheduler.config.settings import LoggingSettings
from scheduler.telemetry import logs

PASSWORD = "sesame"


@pytest.fixture(autouse=True)
def _restore() -> object:
    yield
    structlog.reset_defaults()


def fail_with(password: str) -> None:
    raise RuntimeError("a fault")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_shows_no_variables(form: Literal["text", "json"], capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LoggingSettings(format=form))
    try:
        fail_with(PASSWORD)
    except RuntimeError:
        structlog.get_logger().exception("failed", pod="default/a")
    written = capsys.readouterr().err
    assert "a fault" in written
    assert "default/a" in written
    assert "sesame" not in written


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LoggingSettings(format="json"))
    structlog.get_logger().info("scheduled", pod="default/a", node="n")
    entry = json.loads(capsys.readouterr().err)
    assert (entry["event"], entry["pod"], entry["node"], entry["level"]) == ("scheduled", "default/a", "n", "info")


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LoggingSettings(level="warning"))
    structlog.get_logger().info("scheduled")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("verbosity", "shown"),
    [
        (0, ["warned"]),
        (1, ["warned"]),
        (2, ["warned", "told"]),
        (3, ["warned", "told"]),
        (4, ["warned", "told", "more"]),
    ],
)
def test_a_higher_verbosity_shows_more(verbosity: int, shown: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LoggingSettings(level=logs.level_of(verbosity), format="json"))
    log = structlog.get_logger()
    log.warning("warned")
    log.info("told")
    log.debug("more")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == shown
