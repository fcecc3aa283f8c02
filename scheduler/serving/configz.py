"""What the process runs with, defaults filled in: what /configz answers.

Owns the document. Settings name files and registries, and hold no secret, so all of them are told.
"""

from __future__ import annotations

from typing import Any

import msgspec

from scheduler.config.scheduler_configuration import SchedulerConfiguration
from scheduler.config.settings import Settings
from scheduler.plugins.catalogue import Selection


def effective_configuration(settings: Settings, configuration: SchedulerConfiguration) -> dict[str, Any]:
    """By API group, as kube-scheduler's /configz has it."""
    return {
        settings.api_version.partition("/")[0]: msgspec.to_builtins(settings),
        "kubescheduler.config.k8s.io": {
            "podInitialBackoffSeconds": configuration.initial_backoff_seconds or settings.backoff.initial_seconds,
            "podMaxBackoffSeconds": configuration.max_backoff_seconds or settings.backoff.max_seconds,
            "profiles": [_profile(selection) for selection in configuration.selections],
        },
    }


def _profile(selection: Selection) -> dict[str, Any]:
    return {
        "schedulerName": selection.scheduler_name,
        "plugins": {
            "filter": {"enabled": [{"name": name} for name in selection.filters]},
            "postFilter": {"enabled": [{"name": name} for name in selection.post_filters]},
            "score": {"enabled": [{"name": name, "weight": weight} for name, weight in selection.scores]},
        },
        "pluginConfig": [
            {"name": name, "args": msgspec.to_builtins(arguments)} for name, arguments in selection.arguments.items()
        ],
    }
