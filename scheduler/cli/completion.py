"""Completion of words in shells: for ``multiarch-scheduler``, and for ``kubectl imageplatform``.

Owns the two ways in; the words are click's to find. kubectl asks a program beside the plugin, which is named
``kubectl_complete-imageplatform``, and reads a word a line, then a line that says what the shell is to do.
"""

from __future__ import annotations

import sys

import click

PROGRAM = "multiarch-scheduler"
NO_FILES = ":4"
"""To kubectl: complete no file names besides."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes words in a shell: source <(multiarch-scheduler completion bash)."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:  # cannot be: click has these three
        raise click.ClickException(f"{shell} is not known")
    root = click.get_current_context().find_root().command
    click.echo(kind(root, {}, PROGRAM, "_MULTIARCH_SCHEDULER_COMPLETE").source())


def complete_for_kubectl() -> None:
    """The program ``kubectl_complete-imageplatform``: the words so far are its arguments, the last one unfinished."""
    from click.shell_completion import ShellComplete

    from scheduler.cli import kubectl_plugin

    *words, last = sys.argv[1:] or [""]
    for item in ShellComplete(kubectl_plugin, {}, "kubectl imageplatform", "").get_completions(words, last):
        click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(NO_FILES)
