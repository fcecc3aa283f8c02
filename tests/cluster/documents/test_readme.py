"""From README.md to a pod placed by platform in five commands, each of them run as a newcomer would run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.documents.reader import ROOT
from tests.docs.console import steps

if TYPE_CHECKING:
    from tests.cluster.documents.reader import Reader
    from tests.cluster.kube_client import KubeClient

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

README = (ROOT / "README.md").read_text()


async def test_five_commands_place_a_pod_by_its_platform(reader: Reader, kube: KubeClient) -> None:
    commands = await reader.follow(README)
    assert len(commands) == 5
    pod = await kube.get("Pod", "web", "default")
    assert pod["spec"]["nodeName"] == "arm64-0"
    assert pod["status"]["phase"] == "Running"
    assert pod["spec"]["schedulerName"] == "multiarch-scheduler"


def test_the_shown_commands_are_all_of_them() -> None:
    assert [step.command.split()[0] for step in steps(README)] == ["docker", "helm", "kubectl", "kubectl", "kubectl"]
