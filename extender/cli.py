"""The command ``multiarch-extender``. Parses words and prints; everything else is imported where a command needs it.

``run`` hands over to ``app``, ``config`` to ``configuration``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from scheduler.config.settings import LogLevel

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
def main() -> None:
    """Tells kube-scheduler which nodes can run a pod's images."""


@main.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file. Default: every setting's default.")
@click.option("--kubeconfig", help="How to reach the API server. Default: the setting kube.kubeconfig.")
@click.option("--context", help="Context of the kubeconfig. Default: the setting kube.context.")
@click.option("--port", type=click.IntRange(0, 65535), help="For kube-scheduler; 0: any. Default: listening.port.")
@click.option("--health-port", type=click.IntRange(0, 65535), help="For health and metrics. Default: serving.port.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Default: logging.level.")
def run(
    config: Path | None,
    kubeconfig: str | None,
    context: str | None,
    port: int | None,
    health_port: int | None,
    log_level: LogLevel | None,
) -> None:
    """Run the extender until SIGTERM or Ctrl-C."""
    from extender.app import run_extender
    from extender.settings import ExtenderSettings, read_extender_settings, with_overrides
    from scheduler.config.settings import InvalidSettings

    try:
        settings = read_extender_settings(config) if config is not None else ExtenderSettings()
    except InvalidSettings as error:
        raise click.ClickException(str(error)) from error
    settings = with_overrides(
        settings, kubeconfig=kubeconfig, context=context, port=port, health_port=health_port, log_level=log_level
    )
    sys.exit(run_extender(settings))


@main.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    click.echo(f"multiarch-extender {installed('multiarch-scheduler')}")
