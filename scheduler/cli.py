"""The command ``multiarch-scheduler``. Parses words and prints; everything else is imported where a command needs it.

``run`` hands over to ``app``, ``demo`` to ``sandbox.demo``.
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
    """Schedules Kubernetes pods onto the nodes that can run their images."""


@main.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file. Default: every setting's default.")
@click.option("--kubeconfig", help="How to reach the API server. Default: the setting kube.kubeconfig.")
@click.option("--context", help="Context of the kubeconfig. Default: the setting kube.context.")
@click.option("--port", type=click.IntRange(0, 65535), help="For health and metrics; 0: any. Default: serving.port.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Default: logging.level.")
@click.option(
    "--leader-elect/--no-leader-elect", default=None, help="Default: leaderElection.leaderElect, which is true."
)
def run(
    config: Path | None,
    kubeconfig: str | None,
    context: str | None,
    port: int | None,
    log_level: LogLevel | None,
    leader_elect: bool | None,
) -> None:
    """Run the scheduler until SIGTERM or Ctrl-C."""
    from scheduler.app import run_scheduler
    from scheduler.config.settings import InvalidSettings, Settings, read_settings, with_overrides

    try:
        settings = read_settings(config) if config is not None else Settings()
        settings = with_overrides(
            settings,
            kubeconfig=kubeconfig,
            context=context,
            port=port,
            log_level=log_level,
            leader_elect=leader_elect,
        )
    except InvalidSettings as error:
        raise click.ClickException(str(error)) from error
    sys.exit(run_scheduler(settings))


@main.command()
@click.option("--serve", is_flag=True, help="Keep the cluster running afterwards, for kubectl; Ctrl-C ends it.")
def demo(serve: bool) -> None:
    """Watch the whole job being done on an embedded cluster of ARM, x86 and Windows nodes."""
    from scheduler.sandbox.demo import run_demo

    sys.exit(run_demo(serve=serve))


@main.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--nodes", "nodes_file", type=click.Path(path_type=Path), help="Output of kubectl get nodes -o yaml.")
@click.option("--kubeconfig", help="Ask this cluster which nodes it has.")
@click.option("--context", help="The same, by a context of the kubeconfig.")
@click.option("--plain-http", multiple=True, metavar="HOST:PORT", help="A registry without TLS; may be repeated.")
def platforms(
    images: tuple[str, ...],
    output: str,
    nodes_file: Path | None,
    kubeconfig: str | None,
    context: str | None,
    plain_http: tuple[str, ...],
) -> None:
    """Show what images are built for and, given nodes, where they run.

    Registries are asked with the credentials of ~/.docker/config.json. The exit code is 0 when every image was read
    and, if nodes were given, each runs on one of them; 1 when an image could not be read; 3 when no node can run one.
    """
    import asyncio

    from rich.console import Console

    from scheduler.commands import platforms as command
    from scheduler.commands import platforms_report as report
    from scheduler.oci.settings import RegistrySettings

    settings = RegistrySettings(
        plain_http=frozenset(plain_http), docker_configs=(command.DOCKER_CONFIG.expanduser(),), open_children=True
    )
    try:
        nodes = [] if nodes_file is None else command.read_nodes(nodes_file)
        if kubeconfig is not None or context is not None:
            nodes += asyncio.run(command.fetch_nodes(kubeconfig, context))
    except command.InvalidNodes as error:
        raise click.ClickException(str(error)) from error
    reports = asyncio.run(command.report_images(images, nodes, settings))
    (report.print_json if output == "json" else report.print_tables)(Console(highlight=False), reports)
    sys.exit(command.exit_code(reports))


@main.command()
@click.option("--config", type=click.Path(path_type=Path), help="A KubeSchedulerConfiguration. Default: one profile.")
@click.option("--images", type=click.Path(path_type=Path), help="YAML or JSON of image: [platform, ...].")
def evaluate(config: Path | None, images: Path | None) -> None:
    """Decide cases without a cluster: JSON lines in, an answer line each out.

    A case is {"id", "objects", "pod"}: the objects of a cluster, and the pending pod. What images are built for is
    looked at only if --images says it.
    """
    from scheduler.commands.evaluate import InvalidImages, make_evaluator
    from scheduler.config.strict import InvalidSettings

    try:
        evaluator = make_evaluator(config, images)
    except (InvalidSettings, InvalidImages) as error:
        raise click.ClickException(str(error)) from error
    for answer in evaluator.answer_all(sys.stdin.buffer):
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


@main.command()
@click.argument("snapshot", nargs=-1, required=True, metavar="SNAPSHOT...")
@click.option("-f", "--workloads", multiple=True, metavar="FILE", help="Workloads to be placed; may be repeated.")
@click.option("--config", type=click.Path(path_type=Path), help="A KubeSchedulerConfiguration. Default: one profile.")
@click.option("--images", type=click.Path(path_type=Path), help="YAML or JSON of image: [platform, ...].")
@click.option("--resolve", is_flag=True, help="Ask registries about the (other) images.")
@click.option("--plain-http", multiple=True, metavar="HOST:PORT", help="A registry without TLS; may be repeated.")
@click.option("--pending/--no-pending", default=True, help="Place the snapshot's pending pods too. Default: yes.")
@click.option("-o", "--output", type=click.Choice(["table", "wide", "json"]), default="table", show_default=True)
def simulate(
    snapshot: tuple[str, ...],
    workloads: tuple[str, ...],
    config: Path | None,
    images: Path | None,
    resolve: bool,
    plain_http: tuple[str, ...],
    pending: bool,
    output: str,
) -> None:
    """Show where workloads would go, how full nodes would be, and what would find no node.

    SNAPSHOT is what kubectl get nodes,pods,... -o yaml (or json) printed; the more kinds, the truer: pv, pvc, sc,
    csinodes, services, replicasets, statefulsets, pdb, namespaces, priorityclasses. FILE is what kubectl apply would
    take; - is standard input. No cluster is touched. Registries are asked only with --resolve, with the credentials of
    ~/.docker/config.json. The exit code is 0 when every pod was placed, 3 when some were not, 1 for unusable input.
    """
    from rich.console import Console

    from scheduler.commands import simulate as command
    from scheduler.commands.evaluate import InvalidImages
    from scheduler.commands.simulation import report
    from scheduler.commands.snapshot import InvalidObject
    from scheduler.config.strict import InvalidSettings

    question = command.Question(
        snapshot, workloads, config, images, command.registries(plain_http) if resolve else None, pending
    )
    try:
        with report.progress() as advance:
            outcome = command.simulate(question, advance)
    except (InvalidObject, InvalidSettings, InvalidImages) as error:
        raise click.ClickException(str(error)) from error
    console = Console(highlight=False)
    if output == "json":
        report.print_json(console, outcome)
    else:
        report.print_tables(console, outcome, wide=output == "wide")
    sys.exit(command.exit_code(outcome))


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
def check_config(file: Path) -> None:
    """Check a file of settings or a KubeSchedulerConfiguration, and show what it comes to."""
    from scheduler.commands.check_config import describe
    from scheduler.config.strict import InvalidSettings

    try:
        for line in describe(file):
            click.echo(line)
    except InvalidSettings as error:
        raise click.ClickException(str(error)) from error


@main.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    click.echo(f"multiarch-scheduler {installed('multiarch-scheduler')}")
