"""The commands that run something until it is stopped: the scheduler, the gRPC services alone, and the demo."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from scheduler.config.settings import LogLevel


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file. Default: every setting's default.")
@click.option("--kubeconfig", help="How to reach the API server. Default: the setting kube.kubeconfig.")
@click.option("--context", help="Context of the kubeconfig. Default: the setting kube.context.")
@click.option("--port", type=click.IntRange(0, 65535), help="For health and metrics; 0: any. Default: serving.port.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Default: logging.level.")
@click.option(
    "-v", "verbosity", type=click.IntRange(0, 10), help="Up to 1: warnings; 2: decisions too; from 4: details."
)
@click.option(
    "--leader-elect/--no-leader-elect", default=None, help="Default: leaderElection.leaderElect, which is true."
)
def run(
    config: Path | None,
    kubeconfig: str | None,
    context: str | None,
    port: int | None,
    log_level: LogLevel | None,
    verbosity: int | None,
    leader_elect: bool | None,
) -> None:
    """Run the scheduler until SIGTERM or Ctrl-C."""
    from scheduler.app import run_scheduler
    from scheduler.config.settings import InvalidSettings, Settings, read_settings, with_overrides
    from scheduler.telemetry.logs import level_of

    if verbosity is not None and log_level is not None:
        raise click.UsageError("--log-level and -v say the same in two ways: give one of them.")

    try:
        settings = read_settings(config) if config is not None else Settings()
        settings = with_overrides(
            settings,
            kubeconfig=kubeconfig,
            context=context,
            port=port,
            log_level=log_level if verbosity is None else level_of(verbosity),
            leader_elect=leader_elect,
        )
    except InvalidSettings as error:
        raise click.ClickException(str(error)) from error
    sys.exit(run_scheduler(settings))


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file. Default: every setting's default.")
@click.option("--kubeconfig", help="Who reads pull secrets. Default: the setting kube.kubeconfig.")
@click.option("--context", help="Context of the kubeconfig. Default: the setting kube.context.")
@click.option("--port", type=click.IntRange(0, 65535), help="For health and metrics; 0: any. Default: serving.port.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Default: logging.level.")
def expander(
    config: Path | None, kubeconfig: str | None, context: str | None, port: int | None, log_level: LogLevel | None
) -> None:
    """Answer cluster-autoscaler's gRPC expander, and the ImagePlatform API, without scheduling.

    The groups rpc, images, kube, serving and logging of the settings hold. Runs until SIGTERM or Ctrl-C.
    """
    import msgspec

    from scheduler.commands.expander import run_expander
    from scheduler.config.rpc import check_rpc
    from scheduler.config.settings import InvalidSettings, Settings, read_settings, with_overrides

    try:
        settings = read_settings(config) if config is not None else Settings()
        settings = msgspec.structs.replace(settings, rpc=msgspec.structs.replace(settings.rpc, enabled=True))
        check_rpc(settings.rpc, "settings" if config is None else str(config))
    except InvalidSettings as error:
        raise click.ClickException(str(error)) from error
    sys.exit(
        run_expander(
            with_overrides(
                settings, kubeconfig=kubeconfig, context=context, port=port, log_level=log_level, leader_elect=None
            )
        )
    )


@click.command()
@click.option("--serve", is_flag=True, help="Keep the cluster running afterwards, for kubectl; Ctrl-C ends it.")
def demo(serve: bool) -> None:
    """Watch the whole job being done on an embedded cluster of ARM, x86 and Windows nodes."""
    from scheduler.sandbox.demo import run_demo

    sys.exit(run_demo(serve=serve))
