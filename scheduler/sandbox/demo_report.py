"""The demo's tables: what there is, what was placed where and why, what waits and why.

Owns the words and the look; ``demo`` owns the facts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.images.node_platform import node_platform
from scheduler.sandbox.blind import Misplacement
from scheduler.sandbox.scenario import IMAGES, Workload

_OUR_SCHEDULER = '{"spec": {"schedulerName": "multiarch-scheduler"}}'
_OS_STYLE = {"linux": "green", "windows": "cyan"}


def show_cluster(console: Console, nodes: Sequence[Node]) -> None:
    table = _table("The cluster", "node", "platform", "Windows build", "runtime")
    for node in nodes:
        platform = node_platform(node)
        table.add_row(
            node.name,
            Text(f"{platform.os}/{platform.architecture}", style=_OS_STYLE.get(platform.os, "")),
            platform.os_version,
            node.status.node_info.container_runtime_version,
        )
    console.print(table)


def show_images(console: Console, registry: str) -> None:
    table = _table(f"The images, in a registry at {registry}", "image", "built for", "shape")
    for image in IMAGES:
        table.add_row(image.name, _built_for(image.name), "index" if image.index else "single manifest")
    console.print(table)


def show_placed(console: Console, placed: Sequence[tuple[Workload, list[Pod]]], nodes: int) -> None:
    table = _table("Placed", "workload", "pods", "placed on", "can run on", "as its images are built for")
    for workload, pods in placed:
        per_node = Counter(pod.spec.node_name for pod in pods)
        where = "\n".join(f"{node}: {count}" for node, count in sorted(per_node.items()))
        table.add_row(workload.name, str(len(pods)), where, f"{len(workload.runs_on)} of {nodes}", _because(workload))
        table.add_section()
    console.print(table)


def show_waiting(console: Console, pods: Sequence[Pod], registry: str) -> None:
    table = _table("Still pending", "pod", "why (as kubectl describe pod says it)")
    for pod in pods:
        message = next((c.message for c in pod.status.conditions if c.type == "PodScheduled"), "")
        table.add_row(pod.metadata.name, message.replace(f"{registry}/", ""))
    console.print(table)


def show_comparison(console: Console, misplacements: Sequence[Misplacement], pods: int, seconds: float) -> None:
    lines = Text()
    lines.append(f"{pods} pods placed in {seconds:.1f} s, every one on a node that can run it.\n", style="bold green")
    lines.append(
        f"A scheduler that does not look at images would have put {len(misplacements)} on a node that cannot:\n",
        style="bold red" if misplacements else "",
    )
    per_workload: dict[str, Counter[str]] = {}
    for misplacement in misplacements:
        workload, _, _ = misplacement.pod.rpartition("-")
        per_workload.setdefault(workload, Counter())[misplacement.node] += 1
    lines.append(
        "\n".join(
            f"  {workload} on " + ", ".join(f"{node}" for node in sorted(on_nodes)) + f" ({on_nodes.total()})"
            for workload, on_nodes in per_workload.items()
        )
    )
    console.print(Panel(lines, title="The difference", title_align="left", box=box.ROUNDED, expand=False))


def show_invitation(console: Console, kubeconfig: Path, log: Path, registry: str) -> None:
    """What to do with a cluster that keeps running."""
    console.print(f"\nThe cluster keeps running; [bold]Ctrl-C[/] ends it. The scheduler's log: {log}\n")
    console.print(f"  export KUBECONFIG={kubeconfig}", style="bold")
    for command in (
        "kubectl get nodes -L kubernetes.io/os,kubernetes.io/arch",
        "kubectl get pods -o wide",
        "kubectl describe pod ledger-0",
        f"kubectl run mine --image={registry}/shop/web:1.4 --overrides='{_OUR_SCHEDULER}'",
    ):
        console.print(f"  {command}", style="bold", soft_wrap=True)


def _because(workload: Workload) -> str:
    if len(workload.images) == 1:
        return _built_for(workload.images[0])
    return "\n".join(f"{name}:\n{_built_for(name)}" for name in workload.images)


def _built_for(image: str) -> str:
    return "\n".join(str(platform) for each in IMAGES if each.name == image for platform in each.platforms)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
