"""Which images of a pod count."""

from __future__ import annotations

import pytest

from scheduler.api.meta import ObjectMeta
from scheduler.api.pod import Container, ImageVolumeSource, Pod, PodOS, PodSpec, Volume
from scheduler.images.pod_images import PodImage, pod_images, required_os

DIGEST = f"@sha256:{'a' * 64}"


def a_pod(spec: PodSpec, **labels: str) -> Pod:
    return Pod(metadata=ObjectMeta(name="pod", labels=labels), spec=spec)


def test_volumes_init_containers_sidecars_and_containers_count_in_the_order_of_their_pulls() -> None:
    spec = PodSpec(
        containers=[Container(name="main", image="app:1"), Container(name="second", image="second:1")],
        init_containers=[
            Container(name="setup", image="setup:1"),
            Container(name="sidecar", image="sidecar:1", restart_policy="Always"),
        ],
        volumes=[
            Volume(name="models", image=ImageVolumeSource(reference="models:1", pull_policy="Always")),
            Volume(name="later", image=ImageVolumeSource(reference="")),
            Volume(name="data"),
        ],
    )
    assert pod_images(a_pod(spec)) == (
        PodImage("models:1", "volume models", volume=True, pull_policy="Always"),
        PodImage("setup:1", "init container setup"),
        PodImage("sidecar:1", "init container sidecar"),
        PodImage("app:1", "container main"),
        PodImage("second:1", "container second"),
    )


def test_an_image_used_twice_is_listed_once_with_the_policy_that_asks_most() -> None:
    spec = PodSpec(
        init_containers=[Container(name="setup", image="app:1", image_pull_policy="Never")],
        containers=[
            Container(name="main", image="app:1", image_pull_policy="Always"),
            Container(name="other", image="app:1", image_pull_policy="IfNotPresent"),
        ],
    )
    assert pod_images(a_pod(spec)) == (PodImage("app:1", "init container setup", pull_policy="Always"),)


def test_the_same_image_run_and_mounted_is_listed_twice() -> None:
    spec = PodSpec(
        containers=[Container(name="main", image="app:1")],
        volumes=[Volume(name="files", image=ImageVolumeSource(reference="app:1"))],
    )
    assert [image.volume for image in pod_images(a_pod(spec))] == [True, False]


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("app", "Always"),
        ("app:latest", "Always"),
        (f"app:latest{DIGEST}", "Always"),
        ("app:1", "IfNotPresent"),
        (f"app{DIGEST}", "IfNotPresent"),
        ("No Image", "IfNotPresent"),
    ],
)
def test_the_pull_policy_defaults_as_the_api_server_defaults_it(image: str, policy: str) -> None:
    (found,) = pod_images(a_pod(PodSpec(containers=[Container(name="main", image=image)])))
    assert found.pull_policy == policy


@pytest.mark.parametrize(
    ("spec_os", "label", "required"),
    [
        (None, None, None),
        ("linux", None, "linux"),
        ("windows", "windows", "windows"),
        ("plan9", None, None),
        (None, "windows", "windows"),
        (None, "freebsd", "freebsd"),
        ("linux", "windows", "windows and linux"),
    ],
)
def test_the_kubelet_wants_the_operating_system_that_spec_and_label_name(
    spec_os: str | None, label: str | None, required: str | None
) -> None:
    labels = {"kubernetes.io/os": label} if label else {}
    assert required_os(a_pod(PodSpec(os=PodOS(name=spec_os) if spec_os else None), **labels)) == required
