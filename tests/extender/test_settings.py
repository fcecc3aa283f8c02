"""The settings are read strictly, and what contradicts itself stops the start with the field's name."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from extender.cli import main
from extender.settings import ExtenderSettings, parse_extender_settings, read_extender_settings, with_overrides
from scheduler.config.settings import InvalidSettings


def test_an_empty_file_is_all_defaults() -> None:
    assert parse_extender_settings("", "test") == ExtenderSettings()


def test_where_health_is_served_keeps_its_port_when_only_its_address_is_given() -> None:
    assert parse_extender_settings("serving: {host: 127.0.0.1}", "test").serving.port == 10272


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("answering: {waitSecond: 1}", "answering.waitSecond: unknown field"),
        ("listening: {port: eleven}", "listening.port: .*'eleven'"),
        ("listening: {tls: {certificate: a}}", "missing required field key"),
        ("answering: {waitSeconds: 3}", "answering.waitSeconds: 3 is not less than deadlineSeconds, 3"),
        ("answering: {delegated: true, maxNodes: 3}", "answering.maxNodes: delegated answers one node"),
        ("images: {platformWeights: {solaris: 1}}", "images.platformWeights: "),
        ("images: {unknown: {policy: perhaps}}", "images.unknown.policy: "),
        ("kind: SchedulerSettings", "kind: "),
    ],
)
def test_what_makes_no_sense_is_named(text: str, phrase: str) -> None:
    with pytest.raises(InvalidSettings, match=phrase):
        parse_extender_settings(text, "test")


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "extender.yaml"
    file.write_text("listening: {port: 1, maxConnections: 3}\nkube: {context: one}")
    settings = with_overrides(
        read_extender_settings(file), kubeconfig="k", context=None, port=2, health_port=3, log_level="debug"
    )
    assert (settings.listening.port, settings.listening.max_connections, settings.serving.port) == (2, 3, 3)
    assert (settings.kube.kubeconfig, settings.kube.context, settings.logging.level) == ("k", "one", "debug")


def test_the_command_names_file_and_field(tmp_path: Path) -> None:
    file = tmp_path / "extender.yaml"
    file.write_text("listening: {porrt: 1}")
    result = CliRunner().invoke(main, ["run", f"--config={file}"])
    assert result.exit_code == 1
    assert f"{file}: listening.porrt: unknown field" in result.output


@pytest.mark.parametrize("folder", ["base", "delegated"])
def test_the_manifests_settings_are_those_of_the_program(folder: str) -> None:
    file = Path(__file__).parents[2] / "manifests" / "extender" / folder / "settings.yaml"
    settings = parse_extender_settings(yaml.safe_load(file.read_text())["data"]["settings.yaml"], str(file))
    assert settings.answering.delegated is (folder == "delegated")
    assert settings.listening.tls is not None
    assert settings.listening.tls.client_authority is not None
    assert settings.images.registries.allow_loopback is False
