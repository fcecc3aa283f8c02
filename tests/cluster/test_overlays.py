"""Every overlay of `manifests` on the real API server: taken to the last field, and its programs do their work.

They run under the accounts that were applied, with RBAC enforced. That no permission is left over is shown for each
role where all of them are used: `test_manifests`, `test_sharing`, `test_extender_manifests`, and here for the expander.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduler.sandbox.demo import create
from scheduler.sandbox.scenario import ARM64, ScenarioImage
from tests.cluster.at_work import all_of, best_options, each_does_its_work, the_scenario
from tests.cluster.images import Publisher
from tests.cluster.installation import know_prometheus, kubectl, no_rights, pull_secret, requests, used
from tests.cluster.installed import granted
from tests.cluster.registry import Registry
from tests.manifests.rendering import MANIFESTS, overlays, written_kustomization

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.cluster.at_work import Program
    from tests.cluster.control_plane import ControlPlane
    from tests.cluster.kube_client import KubeClient
    from tests.cluster.kwok import Kwok
    from tests.cluster.stage import RealStage

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

SCHEDULER = ("multiarch-scheduler", "multiarch-scheduler")
EXTENDER = ("multiarch-extender", "multiarch-extender")
EXPANDER = ("multiarch-expander", "multiarch-expander")
PROGRAMS: dict[str, list[Program]] = {
    "base": [SCHEDULER],
    "sharing": [SCHEDULER],
    "with-expander": [SCHEDULER],
    "extender/base": [EXTENDER],
    "extender/narrow": [EXTENDER],
    "extender/delegated": [EXTENDER],
    "both": [SCHEDULER, EXTENDER],
    "expander": [EXPANDER],
    "opt-in": [],
    "monitoring": [],
}
PRIVATE = ScenarioImage("private/inference", "1", (ARM64,))


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """What is applied, each over the one before, is removed at the end."""
    know_prometheus(control_plane)
    for _, namespace in (SCHEDULER, EXTENDER, EXPANDER):
        if not kubectl(control_plane, "get", "namespace", namespace, "--ignore-not-found"):
            kubectl(control_plane, "create", "namespace", namespace)
        warn = "pod-security.kubernetes.io/warn=restricted"
        kubectl(control_plane, "label", "namespace", namespace, warn, "--overwrite")
    yield control_plane
    for folder in ("opt-in", "sharing", "extender/narrow", "extender/delegated", "expander"):
        kubectl(control_plane, "delete", "--kustomize", str(MANIFESTS / folder), "--ignore-not-found", "--wait=false")
    for _, namespace in (SCHEDULER, EXTENDER, EXPANDER):
        kubectl(control_plane, "wait", "--for=delete", f"namespace/{namespace}", "--timeout=60s")


@pytest.fixture
async def stage(cluster: ControlPlane, kwok: Kwok, publisher: Publisher) -> AsyncIterator[RealStage]:
    assert kwok.alive
    async with the_scenario(cluster, publisher) as stage:
        yield stage


@pytest.fixture
def private_registry(servers_folder: Path) -> Iterator[Registry]:
    with Registry(servers_folder, name="overlays-registry", private=True) as started:
        yield started


def apply(control_plane: ControlPlane, folder: Path) -> None:
    """With no other rights than these. Unknown fields are errors to the API server, and its warnings are to us."""
    no_rights(control_plane)
    options = ("--server-side", "--force-conflicts", "--validate=strict", "--warnings-as-errors")
    kubectl(control_plane, "apply", *options, "--kustomize", str(folder))


def test_no_overlay_is_left_out() -> None:
    assert set(overlays()) == PROGRAMS.keys()


@pytest.mark.parametrize("overlay", PROGRAMS)
async def test_an_overlay_is_taken_to_the_last_field_and_its_programs_do_their_work(
    stage: RealStage, cluster: ControlPlane, kube: KubeClient, tmp_path: Path, overlay: str
) -> None:
    apply(cluster, MANIFESTS / overlay)
    async with all_of(PROGRAMS[overlay], cluster, kube, tmp_path) as programs:
        await each_does_its_work(programs, stage)


async def test_without_pull_secrets_nobody_asks_for_one_and_all_do_their_work(
    stage: RealStage, cluster: ControlPlane, kube: KubeClient, tmp_path: Path
) -> None:
    folder = tmp_path / "overlay"
    folder.mkdir()
    written_kustomization(folder, "both", "expander", components=["without-pull-secrets"])
    apply(cluster, folder)
    before = len(cluster.audit_events())
    async with all_of([SCHEDULER, EXTENDER, EXPANDER], cluster, kube, tmp_path) as programs:
        await each_does_its_work(programs, stage)
    for program in programs.values():
        assert not [each for each in requests(cluster, program.account, before) if "secrets" in str(each["objectRef"])]
        assert ("", "secrets", "get") not in await granted(kube, program)


async def test_the_expander_uses_the_one_permission_that_it_has_and_needs_no_other(
    cluster: ControlPlane, kube: KubeClient, kwok: Kwok, private_registry: Registry, tmp_path: Path
) -> None:
    assert kwok.alive
    apply(cluster, MANIFESTS / "expander")
    before = len(cluster.audit_events())
    folder = tmp_path / "images"
    folder.mkdir()
    async with the_scenario(cluster, Publisher(private_registry, folder)) as stage:
        stage.push(PRIVATE)
        await create(stage, [pull_secret(stage.registry)], "/api/v1/namespaces/default/secrets")
        try:
            async with all_of([EXPANDER], cluster, kube, tmp_path) as programs:
                (program,) = programs.values()
                image = f"{stage.registry}/{PRIVATE.name}"
                assert await best_options(program, image, secrets=["pull"], namespace="default") == ["arm"]
        finally:
            await kube.delete("Secret", "pull", "default")
    assert used(cluster, before, program.account) == await granted(kube, program) == {("", "secrets", "get")}
