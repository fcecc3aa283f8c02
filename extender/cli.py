"""The command ``multiarch-extender``. Parses words and prints; everything else is imported where a command needs it.

``run`` hands over to ``app``, ``config`` to ``configuration``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from scheduler.config.settings import LogLevel

MODES = ["filter", "narrow", "delegated"]
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
@click.option("--mode", type=click.Choice(MODES), default="filter", show_default=True, help="See docs/extender.md.")
@click.option(
    "--url", default="http://127.0.0.1:10271", show_default=True, help="Where kube-scheduler finds the extender."
)
@click.option("--settings", type=click.Path(path_type=Path), help="The extender's settings, to be matched.")
@click.option(
    "--for", "reader", type=click.Choice(["kube-scheduler", "extender"]), default="kube-scheduler", show_default=True
)
@click.option("--whole-nodes", is_flag=True, help="Have kube-scheduler send whole nodes instead of names. Slow.")
@click.option("--ignorable", is_flag=True, help="Schedule without the extender while it is down. Default: not at all.")
@click.option("--bind", is_flag=True, help="Let the extender create the bindings.")
@click.option(
    "--percentage-of-nodes-to-score",
    "percentage",
    type=click.IntRange(0, 100),
    help="Default: 100 in filter mode, else 1.",
)
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="httpTimeout, in seconds."
)
@click.option("--ca-file", help="With an https URL: the authority of the extender's certificate.")
@click.option("--cert-file", help="kube-scheduler's own certificate, where the extender asks for one.")
@click.option("--key-file", help="Its key.")
@click.option("--kubeconfig", default="/etc/kubernetes/scheduler.conf", show_default=True, help="kube-scheduler's.")
def config(settings: Path | None, reader: str, **options: Any) -> None:
    """Print the configuration that makes kube-scheduler and the extender work together."""
    from extender.configuration import InvalidConfiguration, Wanted, extender_settings, scheduler_configuration
    from extender.settings import ExtenderSettings, read_extender_settings
    from scheduler.config.settings import InvalidSettings

    try:
        known = read_extender_settings(settings) if settings is not None else ExtenderSettings()
        wanted = Wanted(**options)
        text = (
            scheduler_configuration(wanted, known) if reader == "kube-scheduler" else extender_settings(wanted, known)
        )
    except (InvalidSettings, InvalidConfiguration) as error:
        raise click.ClickException(str(error)) from error
    click.echo(text, nl=False)


@main.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    click.echo(f"multiarch-extender {installed('multiarch-scheduler')}")
