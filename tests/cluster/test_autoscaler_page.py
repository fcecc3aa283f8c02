"""The manifests of docs/autoscaler.md on a real API server, and what the account in them may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.installation import kubectl
from tests.docs.test_autoscaler_document import EXPANDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.control_plane import ControlPlane

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

NAMESPACE = "multiarch-expander"


@pytest.fixture
def restricted(control_plane: ControlPlane) -> Iterator[None]:
    """The namespace is there and takes only pods that keep to the strictest rules; it goes with the test."""
    kubectl(control_plane, "create", "namespace", NAMESPACE)
    kubectl(control_plane, "label", "namespace", NAMESPACE, "pod-security.kubernetes.io/warn=restricted")
    yield
    kubectl(control_plane, "delete", "--kustomize", str(EXPANDER), "--wait=true", "--timeout=60s")


@pytest.mark.usefixtures("restricted")
def test_the_manifests_are_taken_to_the_last_field_and_grant_no_more_than_said(control_plane: ControlPlane) -> None:
    kubectl(control_plane, "apply", "--server-side", "--warnings-as-errors", "--kustomize", str(EXPANDER))
    accounts = ("multiarch-expander", "default")
    granted, everybody = (rights(control_plane, account) for account in accounts)
    assert granted - everybody == {("secrets", "[]", "[]", "[get]")}


def rights(control_plane: ControlPlane, account: str) -> set[tuple[str, ...]]:
    """What an account of the namespace may do anywhere, a line each."""
    user = f"--as=system:serviceaccount:{NAMESPACE}:{account}"
    listed = kubectl(control_plane, "auth", "can-i", "--list", "--no-headers", user, "--namespace=default")
    return {tuple(line.split()) for line in listed.splitlines()}
