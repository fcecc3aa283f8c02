"""Which rules hold under which container runtime."""

from __future__ import annotations

import pytest

from scheduler.images.runtime import Runtime, WindowsFloor, library_rules, runtime_of


@pytest.mark.parametrize(
    ("reported", "runtime"),
    [
        ("containerd://1.6.36", Runtime.CONTAINERD_1_7),
        ("containerd://1.7.27-0ubuntu1", Runtime.CONTAINERD_1_7),
        ("containerd://2.0.0", Runtime.CONTAINERD_2_1),
        ("containerd://2.1.5-k3s1", Runtime.CONTAINERD_2_1),
        ("containerd://v2.1.4", Runtime.CONTAINERD_2_1),
        ("containerd://2.1.8", Runtime.CONTAINERD_2_2),
        ("containerd://2.2.0-rc.1", Runtime.CONTAINERD_2_2),
        ("containerd://2.3.0", Runtime.CONTAINERD_2_3),
        ("containerd://2.3.4", Runtime.CONTAINERD_2_3),
        ("containerd://2.3.5", Runtime.CONTAINERD),
        ("containerd://2.10", Runtime.CONTAINERD),
        ("containerd://3.0.0", Runtime.CONTAINERD),
        ("containerd://Unknown", Runtime.CONTAINERD_2_3),
        ("cri-o://1.34.1", Runtime.CRI_O),
        ("docker://29.0.1", Runtime.DOCKER),
        ("kwok-v0.8.0", Runtime.UNKNOWN),
        ("Unknown", Runtime.UNKNOWN),
        ("", Runtime.UNKNOWN),
        ("remote://1.0", Runtime.UNKNOWN),
    ],
)
def test_the_runtime_is_read_from_what_the_kubelet_reports(reported: str, runtime: Runtime) -> None:
    assert runtime_of(reported) is runtime


@pytest.mark.parametrize("runtime", Runtime)
def test_every_runtime_has_rules_and_none_is_stricter_than_those_of_an_unknown_one(runtime: Runtime) -> None:
    known, unknown = library_rules(runtime), library_rules(Runtime.UNKNOWN)
    assert unknown.os_features >= known.os_features
    assert unknown.windows_386 <= known.windows_386
    assert unknown.windows_floor is WindowsFloor.LTSC_BELOW_HOST
