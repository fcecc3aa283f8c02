"""The command ``multiarch-scheduler``, and ``kubectl imageplatform``, which has those of its commands that ask.

Parses words and prints; everything else is imported where a command needs it, so that ``--help`` is quick. ``running``
hands over to ``app`` and ``sandbox.demo``, the others to ``commands``.
"""

from __future__ import annotations

import click

from scheduler.cli.asking import explain, platforms, report
from scheduler.cli.completion import completion
from scheduler.cli.offline import check_config, evaluate, simulate
from scheduler.cli.running import demo, expander, run

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
def main() -> None:
    """Schedules Kubernetes pods onto the nodes that can run their images."""


@click.group(name="kubectl imageplatform", context_settings=CONTEXT)
def kubectl_plugin() -> None:
    """Tells which platforms images are built for, and what that means for pods and clusters."""


@main.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    click.echo(f"multiarch-scheduler {installed('multiarch-scheduler')}")


for _command in (run, expander, demo, explain, report, platforms, simulate, evaluate, check_config, completion):
    main.add_command(_command)
for _command in (explain, report, platforms, simulate):
    kubectl_plugin.add_command(_command)
