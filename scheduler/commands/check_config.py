"""``multiarch-scheduler check-config FILE``: whether a file can be used, and what it comes to. Touches no cluster.

Takes both kinds of file that the scheduler reads, told apart by their ``kind``. What is wrong with a file is said by
those who read it (``config``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from scheduler.config.scheduler_configuration import SchedulerConfiguration, read_scheduler_configuration
from scheduler.config.settings import Settings, read_settings
from scheduler.config.strict import InvalidSettings, kind_of_file
from scheduler.plugins.catalogue import Selection, default_selection, make_profile


def describe(path: Path) -> Iterator[str]:
    """Lines for people. Raises InvalidSettings, which names the file and the field."""
    if kind_of_file(path) == "KubeSchedulerConfiguration":
        yield from _describe_configuration(path, read_scheduler_configuration(path))
        return
    settings = read_settings(path)
    yield f"{path}: settings are valid"
    yield from _changed(settings)
    if settings.scheduler_configuration is None:
        yield from _describe_profile(default_selection(settings.scheduler_name))
    else:
        other = Path(settings.scheduler_configuration)
        yield from _describe_configuration(other, read_scheduler_configuration(other))


def _changed(settings: Settings) -> Iterator[str]:
    """The settings that differ from their defaults, as one sees them in the file."""
    defaults = msgspec.to_builtins(Settings())
    for group, value in msgspec.to_builtins(settings).items():
        if isinstance(value, dict):
            for field, own in value.items():
                if own != defaults[group][field]:
                    yield f"  {group}.{field}: {own}"
        elif value != defaults[group]:
            yield f"  {group}: {value}"


def _describe_configuration(path: Path, configuration: SchedulerConfiguration) -> Iterator[str]:
    yield f"{path}: KubeSchedulerConfiguration is valid"
    for field, seconds in (
        ("podInitialBackoffSeconds", configuration.initial_backoff_seconds),
        ("podMaxBackoffSeconds", configuration.max_backoff_seconds),
    ):
        if seconds is not None:
            yield f"  {field}: {seconds}"
    for text in configuration.without_effect:
        yield f"  without effect: {text}"
    for selection in configuration.selections:
        yield from _describe_profile(selection)


def _describe_profile(selection: Selection) -> Iterator[str]:
    try:
        profile = make_profile(selection)
    except ValueError as error:
        raise InvalidSettings(f"profile {selection.scheduler_name}: {error}") from error
    yield f"profile {profile.scheduler_name}"
    yield f"  filters: {', '.join(selection.filters)}"
    yield f"  scores: {', '.join(f'{name} x{weight}' for name, weight in selection.scores)}"
    yield f"  after a failure: {', '.join(selection.post_filters) or 'nothing'}"
    for name, arguments in selection.arguments.items():
        yield f"  {name}: {msgspec.json.encode(arguments).decode()}"
