"""Settings are read strictly: what is wrong is named, with its field and its value."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from scheduler.config.settings import InvalidSettings, Settings, parse_settings, read_settings, with_overrides

WRONG = [
    ("images:\n  tagLifetime: 3\n", "images.tagLifetime: unknown field"),
    ("shedulerName: x\n", "shedulerName: unknown field"),
    ("serving:\n  port: many\n", "serving.port: Expected int, got str (value: 'many')"),
    ("serving:\n  port: 70000\n", "serving.port: Expected int <= 65535 (value: 70000)"),
    ("logging:\n  level: loud\n", "logging.level: Invalid enum value 'loud' (value: 'loud')"),
    ("apiVersion: v1\n", "apiVersion: Invalid enum value 'v1' (value: 'v1')"),
    ("schedulerName: ''\n", "schedulerName: must not be empty"),
    ("schedulerName: default-scheduler\n", "schedulerName: 'default-scheduler' belongs to kube-scheduler"),
    ("backoff: {initialSeconds: 5, maxSeconds: 2}\n", "backoff.maxSeconds: 2 is less than initialSeconds, 5"),
    ("serving: {authorization: delegated}\n", "serving.authorization: delegated needs serving.tls"),
    ("tracing: {endpoint: collector}\n", "tracing.endpoint: 'collector' is no http or https URL"),
    ("tracing: {samplingRatePerMillion: 1000001}\n", "tracing.samplingRatePerMillion"),
    ("images: {platformWeights: {arm64!: 3}}\n", "images.platformWeights: "),
    ("images: {platformWeights: {linux/arm64: 101}}\n", "images.platformWeights"),
    ("images: {unknown: {policy: opne}}\n", "images.unknown.policy: 'opne' is no policy for unknown images: "),
    ("images: {unknown: {afterDeadline: wait}}\n", "images.unknown.afterDeadline: 'wait' would never end"),
    ("images: {registries: {allowed: [https://ghcr.io]}}\n", "images.registries.allowed: 'https://ghcr.io' is no host"),
    (
        "images: {registries: {denied: [docker.io/library]}}\n",
        "images.registries.denied: 'docker.io/library' is no host",
    ),
    ("images: {registries: {plainHttp: ['']}}\n", "images.registries.plainHttp: '' is no host or host:port"),
    (
        "images: {registries: {hostsDirectory: a, registriesConf: b}}\n",
        "images.registries: hostsDirectory and registriesConf exclude each other",
    ),
    ("images: {registries: {credentialProviders: {config: a}}}\n", "images.registries.credentialProviders: "),
    (
        "images: {registries: {caFiles: ca.pem}}\n",
        "images.registries.caFiles: Expected array, got str (value: 'ca.pem')",
    ),
    ("images: {runtimeClasses: {w: wasm!}}\n", "images.runtimeClasses: w: 'wasm!' is neither 'skip' nor a platform"),
    (
        "leaderElection: {renewDeadlineSeconds: 15}\n",
        "leaderElection.renewDeadlineSeconds: 15 is not less than leaseDurationSeconds, 15",
    ),
    (
        "leaderElection: {retryPeriodSeconds: 5}\n",
        "leaderElection.retryPeriodSeconds: 5 is not less than half of renewDeadlineSeconds, 10",
    ),
    ("leaderElection: {leaseDurationSeconds: 1.5}\n", "leaderElection.leaseDurationSeconds: Expected int, got float"),
    ("leaderElection: {resourceName: A b}\n", "leaderElection.resourceName: 'A b' is no name of a Kubernetes object"),
    ("- a list\n", "Expected object, got array"),
    ("a: [\n", "not YAML"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(InvalidSettings) as error:
        parse_settings(text, "settings.yaml")
    assert str(error.value).startswith(f"settings.yaml: {message}")


def test_an_empty_file_means_every_default() -> None:
    assert parse_settings("", "settings.yaml") == Settings()


def test_what_is_set_is_read() -> None:
    settings = parse_settings("schedulerName: x\nimages: {platformWeights: {linux/arm64: 80}}\n", "settings.yaml")
    assert settings.scheduler_name == "x"
    assert settings.images.platform_weights == {"linux/arm64": 80}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"missing\.yaml: cannot be read: .*No such file"):
        read_settings(tmp_path / "missing.yaml")


def test_the_command_line_goes_over_the_file() -> None:
    settings = parse_settings("kube: {kubeconfig: a, context: b}\nserving: {port: 1}\n", "settings.yaml")
    settings = with_overrides(settings, kubeconfig="c", context=None, port=0, log_level=None, leader_elect=False)
    assert not settings.leader_election.leader_elect
    assert (settings.kube.kubeconfig, settings.kube.context, settings.serving.port) == ("c", "b", 0)
    assert settings.logging.level == "info"


def of_manifests(name: str) -> str:
    text = (Path(__file__).parents[2] / "manifests" / name / "settings.yaml").read_text()
    settings: str = yaml.safe_load(text)["data"]["settings.yaml"]
    return settings


def test_the_manifests_set_what_the_program_knows_and_keep_it_from_its_own_loopback() -> None:
    base = parse_settings(of_manifests("base"), "base")
    assert not base.images.registries.allow_loopback
    assert not base.sharing.enabled


def test_the_overlay_that_shares_is_the_base_and_sharing() -> None:
    base, sharing = of_manifests("base"), of_manifests("sharing")
    assert yaml.safe_load(sharing) == {**yaml.safe_load(base), "sharing": {"enabled": True}}
    assert parse_settings(sharing, "sharing").sharing.enabled
