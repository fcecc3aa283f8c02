"""The commands that ask a cluster, or registries, and change nothing: platforms, explain, report."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
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


@click.group()
def explain() -> None:
    """Tell why a pod is where it is, or nowhere."""


@explain.command()
@click.argument("name")
@click.option("-n", "--namespace", default="default", show_default=True, help="Of the pod.")
@click.option("--kubeconfig", help="How to reach the API server. Default: as kubectl.")
@click.option("--context", help="Context of the kubeconfig.")
@click.option("--config", type=click.Path(path_type=Path), help="The settings of its scheduler.")
@click.option("--group-by", "label", metavar="LABEL", help="Node label to group by. Default: the cloud's node pools.")
@click.option("--plain-http", multiple=True, metavar="HOST:PORT", help="A registry without TLS; may be repeated.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def pod(
    name: str,
    namespace: str,
    kubeconfig: str | None,
    context: str | None,
    config: Path | None,
    label: str | None,
    plain_http: tuple[str, ...],
    output: str,
) -> None:
    """Tell why a pod is on its node, or on none: per group of nodes, which image, which platforms, what would help.

    The decision is made again on the cluster as it is now, by the rules of the pod's scheduler. Nothing is changed.
    """
    import asyncio

    from rich.console import Console

    from scheduler.commands.explaining import command, text
    from scheduler.config.strict import InvalidSettings

    try:
        told = asyncio.run(
            command.explain_live(
                name,
                namespace,
                kubeconfig=kubeconfig,
                context=context,
                config=config,
                label=label,
                plain_http=plain_http,
                console=Console(stderr=True),
            )
        )
    except (command.CannotExplain, InvalidSettings) as error:
        raise click.ClickException(str(error)) from error
    (text.print_json if output == "json" else text.print_text)(Console(highlight=False), told)


@click.command()
@click.option("-n", "--namespace", "namespaces", multiple=True, help="May be repeated. Default: all namespaces.")
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    help="May be repeated. Default: the nodes' own, linux/amd64 and linux/arm64.",
)
@click.option("--kubeconfig", help="How to reach the API server. Default: as kubectl.")
@click.option("--context", help="Context of the kubeconfig.")
@click.option("--plain-http", multiple=True, metavar="HOST:PORT", help="A registry without TLS; may be repeated.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "html"]), default="table", show_default=True)
def report(
    namespaces: tuple[str, ...],
    platforms: tuple[str, ...],
    kubeconfig: str | None,
    context: str | None,
    plain_http: tuple[str, ...],
    output: str,
) -> None:
    """Show which workloads of a cluster could run on which platforms today, and which images keep them from it.

    Registries are asked with the pull secrets of the workloads, where they may be read, and the credentials of
    ~/.docker/config.json. The page of -o html goes to standard output.
    """
    import asyncio

    from rich.console import Console

    from scheduler.commands.readiness import command, html, text
    from scheduler.images.platform import InvalidPlatform

    try:
        found = asyncio.run(
            command.report_live(
                kubeconfig=kubeconfig,
                context=context,
                namespaces=namespaces,
                platforms=platforms,
                plain_http=plain_http,
                console=Console(stderr=True),
            )
        )
    except (command.CannotReport, InvalidPlatform) as error:
        raise click.ClickException(str(error)) from error
    if output == "html":
        click.echo(html.page(found), nl=False)
    else:
        (text.print_json if output == "json" else text.print_tables)(Console(highlight=False), found)
