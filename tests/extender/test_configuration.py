"""Both sides are configured alike, and what could not work is refused before it is tried."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from extender.cli import main
from extender.configuration import (
    DEFAULT_MAX_NODES,
    InvalidConfiguration,
    Wanted,
    extender_settings,
    scheduler_configuration,
)
from extender.settings import ExtenderSettings, parse_extender_settings


def configured(settings: str = "", **wanted: Any) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(
        scheduler_configuration(Wanted(**wanted), parse_extender_settings(settings, "test"))
    )
    return document


def test_filter_mode() -> None:
    assert configured() == {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": "/etc/kubernetes/scheduler.conf"},
        "percentageOfNodesToScore": 100,
        "extenders": [
            {
                "urlPrefix": "http://127.0.0.1:10271",
                "filterVerb": "filter",
                "preemptVerb": "preempt",
                "nodeCacheCapable": True,
                "ignorable": False,
                "httpTimeout": "5s",
            }
        ],
    }


def test_priorities_are_asked_for_only_where_platforms_have_weights() -> None:
    (entry,) = configured("images: {platformWeights: {linux/arm64: 100}}", mode="narrow")["extenders"]
    assert (entry["prioritizeVerb"], entry["weight"]) == ("prioritize", 10)


def test_delegated_mode_switches_all_plugins_off_that_can_be() -> None:
    document = configured(mode="delegated", bind=True)
    (profile,) = document["profiles"]
    assert profile["plugins"]["multiPoint"]["disabled"] == [{"name": "*"}]
    assert {"name": "DefaultBinder"} in profile["plugins"]["multiPoint"]["enabled"]
    (entry,) = document["extenders"]
    assert "preemptVerb" not in entry
    assert entry["bindVerb"] == "bind"


def test_delegated_mode_leaves_what_only_kube_scheduler_can_do() -> None:
    """Its volume binder carries out what it found itself; NodeAffinity narrows a DaemonSet's pod down to its node."""
    plugins = configured(mode="delegated")["profiles"][0]["plugins"]
    assert {"name": "VolumeBinding"} in plugins["multiPoint"]["enabled"]
    assert plugins["preFilter"] == {"enabled": [{"name": "NodeAffinity"}]}
    assert set(plugins) == {"multiPoint", "preFilter"}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"mode": "filter"}, 100),
        ({"mode": "narrow"}, 1),
        ({"mode": "delegated"}, 1),
        ({"mode": "delegated", "percentage": 100}, 100),
        ({"mode": "filter", "percentage": 0}, 0),
    ],
)
def test_kube_scheduler_shows_the_whole_cluster_unless_a_sample_is_enough(
    wanted: dict[str, Any], expected: int
) -> None:
    assert configured(**wanted)["percentageOfNodesToScore"] == expected


def test_tls() -> None:
    files = {"ca_file": "/pki/ca.crt", "cert_file": "/pki/client.crt", "key_file": "/pki/client.key"}
    (entry,) = configured(url="https://extender:443", timeout=10, **files)["extenders"]
    assert entry["enableHTTPS"] is True
    assert entry["tlsConfig"] == {"caFile": "/pki/ca.crt", "certFile": "/pki/client.crt", "keyFile": "/pki/client.key"}
    assert entry["httpTimeout"] == "10s"


@pytest.mark.parametrize(
    ("wanted", "phrase"),
    [
        ({"timeout": 3.0}, "hang up before the answer"),
        ({"mode": "delegated", "whole_nodes": True}, "decides about names"),
        ({"mode": "delegated", "ignorable": True}, "nothing at all would be checked"),
        ({"url": "https://x"}, "would not verify"),
        ({"ca_file": "/pki/ca.crt"}, "name an https URL"),
        ({"url": "https://x", "ca_file": "/ca", "cert_file": "/crt"}, "go together"),
    ],
)
def test_what_could_not_work_is_refused(wanted: dict[str, Any], phrase: str) -> None:
    with pytest.raises(InvalidConfiguration, match=phrase):
        configured(**wanted)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("filter", {}), ("narrow", {"maxNodes": DEFAULT_MAX_NODES}), ("delegated", {"delegated": True})],
)
def test_the_extender_s_own_settings_follow_the_mode_and_can_be_read_again(mode: Any, expected: dict[str, Any]) -> None:
    given = parse_extender_settings("listening: {maxConnections: 7}\nanswering: {waitSeconds: 0.2}", "test")
    text = extender_settings(Wanted(mode=mode), given)
    assert yaml.safe_load(text)["answering"] == {"waitSeconds": 0.2, **expected}
    read = parse_extender_settings(text, "test")
    assert read.listening == given.listening
    assert read.answering.delegated is (mode == "delegated")


def test_defaults_are_left_out() -> None:
    text = extender_settings(Wanted(), ExtenderSettings())
    assert yaml.safe_load(text) == {"apiVersion": "multiarch-scheduler.io/v1alpha1", "kind": "ExtenderSettings"}


def test_the_command_prints_either_side() -> None:
    run = CliRunner().invoke
    assert run(main, ["config", "--mode", "narrow"]).output.startswith("apiVersion: kubescheduler.config.k8s.io/v1\n")
    assert f"maxNodes: {DEFAULT_MAX_NODES}" in run(main, ["config", "--mode", "narrow", "--for", "extender"]).output
    refused = run(main, ["config", "--timeout", "1"])
    assert refused.exit_code == 1
    assert "hang up before the answer" in refused.output
