"""The manifests of docs/autoscaler.md on a real API server, and what the account in them may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.installation import kubectl
from tests.docs.test_autoscaler_document import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.control_plane import ControlPlane

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

NAMESPACE = "multiarch-scheduler"


@pytest.fixture
def manifests(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Path]:
    """The page's YAML, to be applied in the namespace that the page makes, under the strictest rules for pods."""
    file = tmp_path / "expander.yaml"
    file.write_text(next(text for text in blocks("yaml") if "kind: Deployment" in text))
    kubectl(control_plane, "create", "namespace", NAMESPACE)
    kubectl(control_plane, "label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    yield file
    kubectl(control_plane, "delete", "clusterrole,clusterrolebinding", "multiarch-expander", "--ignore-not-found")
    kubectl(control_plane, "delete", "namespace", NAMESPACE, "--wait=true", "--timeout=60s")


def test_the_manifests_are_taken_to_the_last_field_and_grant_no_more_than_said(
    control_plane: ControlPlane, manifests: Path
) -> None:
    said = kubectl(control_plane, "apply", "--validate=strict", "--warnings-as-errors", "--filename", str(manifests))
    assert len(said.splitlines()) == 7
    accounts = ("multiarch-expander", "default")
    granted, everybody = (rights(control_plane, account) for account in accounts)
    assert granted - everybody == {("secrets", "[]", "[]", "[get]")}


def rights(control_plane: ControlPlane, account: str) -> set[tuple[str, ...]]:
    """What an account of the namespace may do anywhere, a line each."""
    user = f"--as=system:serviceaccount:{NAMESPACE}:{account}"
    listed = kubectl(control_plane, "auth", "can-i", "--list", "--no-headers", user, "--namespace=default")
    return {tuple(line.split()) for line in listed.splitlines()}
