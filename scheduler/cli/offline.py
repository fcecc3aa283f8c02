"""The commands that touch no cluster: deciding recorded cases, simulating workloads, checking configurations."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
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


@click.command()
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
    console = Console(highlight=False, markup=False)
    if output == "json":
        report.print_json(console, outcome)
    else:
        report.print_tables(console, outcome, wide=output == "wide")
    sys.exit(command.exit_code(outcome))


@click.command()
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
