"""``multiarch-scheduler explain pod NAME``: reads the cluster, asks registries, and hands over to ``explain``.

Owns the order of these steps and the progress that is shown. It needs to list what a scheduler lists; where it may not,
the answer says what was not seen.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from scheduler.api.pod import Pod
from scheduler.commands.explaining.document import PodExplanation
from scheduler.commands.explaining.explain import explain_pod
from scheduler.commands.live.cluster import read_cluster
from scheduler.commands.live.images import ImageQuestions
from scheduler.config.scheduler_configuration import configuration_of, read_scheduler_configuration
from scheduler.config.settings import read_settings
from scheduler.config.strict import InvalidSettings, kind_of_file
from scheduler.images.pod_images import pod_images
from scheduler.kube.connection import connect
from scheduler.kube.errors import ApiError, InvalidConnection, NotFound
from scheduler.plugins.catalogue import Selection, default_selection


class CannotExplain(Exception):
    """There is no such pod, or the cluster cannot be asked. The text says which."""


async def explain_live(
    name: str,
    namespace: str,
    *,
    kubeconfig: str | None,
    context: str | None,
    config: Path | None,
    label: str | None,
    plain_http: tuple[str, ...],
    console: Console,
) -> PodExplanation:
    """Raises CannotExplain, InvalidSettings. Progress goes to ``console`` if that is a terminal."""
    try:
        client = await connect(kubeconfig, context)
    except InvalidConnection as error:
        raise CannotExplain(str(error)) from error
    questions = ImageQuestions(client, plain_http)
    spinner = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    try:
        with spinner:
            task = spinner.add_task(f"reading pod {namespace}/{name}")
            pod = await client.get(f"/api/v1/namespaces/{namespace}/pods/{name}", Pod)
            selection = selection_for(pod.spec.scheduler_name, config)
            cluster = await read_cluster(
                client,
                frozenset({pod.spec.scheduler_name}),
                lambda kind, count: spinner.update(task, description=f"reading the cluster: {count} {kind}(s)"),
            )
            spinner.update(task, description="asking registries")
            secrets = [reference.name for reference in pod.spec.image_pull_secrets if reference.name]
            images = await questions.answers(namespace, secrets, pod_images(pod))
        told = explain_pod(pod, images, cluster.cache, selection, label)
        told.notes += [*questions.problems, *cluster.unseen]
    except NotFound as error:
        raise CannotExplain(f"{client.server}: there is no pod {name} in namespace {namespace}") from error
    except ApiError as error:
        raise CannotExplain(f"{client.server}: {error}") from error
    else:
        return told
    finally:
        await questions.close()
        await client.close()


def selection_for(scheduler_name: str, config: Path | None) -> Selection:
    """The profile that a pod asks for, as a file of settings or a KubeSchedulerConfiguration has it, else the default.

    Raises InvalidSettings.
    """
    if config is None:
        return default_selection(scheduler_name)
    if kind_of_file(config) == "KubeSchedulerConfiguration":
        configuration = read_scheduler_configuration(config)
    else:
        configuration = configuration_of(read_settings(config))
    for selection in configuration.selections:
        if selection.scheduler_name == scheduler_name:
            return selection
    names = ", ".join(selection.scheduler_name for selection in configuration.selections)
    raise InvalidSettings(f"{config}: no profile is called {scheduler_name!r}, as the pod asks for; there is {names}")
