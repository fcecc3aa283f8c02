"""Fixtures of the real tests: one control plane, one kwok and one registry for the whole run, and clean-up per test.

A test gets a namespace of its own and adds its own nodes; both are gone when the next one starts. Servers start at the
first test that asks for them; when a test fails, the report shows the ends of their logs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.cluster_nodes import ClusterNodes
from tests.cluster.control_plane import ControlPlane
from tests.cluster.images import Publisher
from tests.cluster.kube_client import KubeClient
from tests.cluster.kwok import Kwok
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.processes import Process
from tests.cluster.registry import Registry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator
    from pathlib import Path

_LOG_LINES = 15


@pytest.fixture(scope="session")
def servers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's servers keep data and logs; pytest keeps the folders of the last three runs."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def control_plane(servers_folder: Path) -> Iterator[ControlPlane]:
    """etcd, kube-apiserver and kube-controller-manager, ready; no scheduler."""
    with ControlPlane(servers_folder, controllers=True, audit=True) as started:
        yield started


@pytest.fixture(scope="session")
def kwok(servers_folder: Path, control_plane: ControlPlane) -> Iterator[Kwok]:
    """The kubelets of all annotated nodes."""
    with Kwok(servers_folder, control_plane.kubeconfig) as started:
        yield started


@pytest.fixture(scope="session")
def registry(servers_folder: Path) -> Iterator[Registry]:
    """An open registry."""
    with Registry(servers_folder) as started:
        yield started


@pytest.fixture(scope="session")
def publisher(servers_folder: Path, registry: Registry) -> Publisher:
    """Makes images and pushes them to `registry` with regctl."""
    folder = servers_folder / "images"
    folder.mkdir()
    return Publisher(registry, folder)


@pytest.fixture
async def kube(control_plane: ControlPlane) -> AsyncIterator[KubeClient]:
    """The API server as its administrator."""
    async with KubeClient(control_plane.admin) as client:
        yield client


@pytest.fixture
async def namespace(kube: KubeClient) -> AsyncIterator[str]:
    """A namespace that takes pods; everything in it goes away with the test."""
    async with fresh_namespace(kube) as name:
        yield name


@pytest.fixture
async def cluster(kube: KubeClient, kwok: Kwok) -> AsyncIterator[ClusterNodes]:
    """No nodes at first; add some."""
    assert kwok.alive
    nodes = ClusterNodes(kube)
    yield nodes
    await nodes.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the ends of the servers' logs to the report of a failed test."""
    report = yield
    if report.failed:
        for name in getattr(item, "fixturenames", ()):
            for process in _processes(getattr(item, "funcargs", {}).get(name)):
                report.sections.append((process.name, process.tail(_LOG_LINES)))
    return report


def _processes(fixture: object) -> list[Process]:
    if isinstance(fixture, ControlPlane):
        return fixture.processes
    return [fixture] if isinstance(fixture, Process) else []
