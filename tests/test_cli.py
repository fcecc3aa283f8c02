"""The command line: what it accepts, what it says, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "scheduler"]


def multiarch_scheduler(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, text=True, timeout=30)


def test_help_names_every_command() -> None:
    done = multiarch_scheduler("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("run", "demo", "version"))


def test_the_version_is_that_of_the_package() -> None:
    assert multiarch_scheduler("version").stdout.startswith("multiarch-scheduler 0.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("serving: {prot: 1}\n", "serving.prot: unknown field"),
        ("images: {timeoutSeconds: soon}\n", "images.timeoutSeconds: Expected float, got str (value: 'soon')"),
    ],
)
def test_wrong_settings_stop_the_start_with_the_name_of_the_field(tmp_path: Path, text: str, message: str) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(text)
    done = multiarch_scheduler("run", f"--config={settings}")
    assert done.returncode == 1
    assert done.stderr.strip() == f"Error: {settings}: {message}"


UNUSABLE_FILES = {
    "caFiles": "caFiles: [{folder}/ca.pem]",
    "hostsDirectory": "hostsDirectory: {folder}/certs.d",
    "registriesConf": "registriesConf: {folder}/registries.conf",
    "credentialProviders": "credentialProviders: {{config: {folder}/providers.yaml, programs: {folder}}}",
}


@pytest.mark.parametrize("setting", UNUSABLE_FILES.values(), ids=UNUSABLE_FILES)
def test_files_about_registries_that_cannot_be_used_stop_the_start(tmp_path: Path, setting: str) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"images: {{registries: {{{setting.format(folder=tmp_path / 'nowhere')}}}}}\n")
    done = multiarch_scheduler("run", f"--config={settings}", f"--kubeconfig={a_kubeconfig(tmp_path)}", "--port=0")
    assert done.returncode == 1
    assert "cannot ask registries" in done.stderr
    assert str(tmp_path / "nowhere") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = multiarch_scheduler("run", f"--kubeconfig={tmp_path / 'nowhere'}", "--port=0")
    assert done.returncode == 1
    assert str(tmp_path / "nowhere") in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_cannot_be_served_is_named(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("serving: {host: 192.0.2.1}\n")
    done = multiarch_scheduler("run", f"--config={settings}", f"--kubeconfig={a_kubeconfig(tmp_path)}")
    assert done.returncode == 1
    assert "192.0.2.1:10261" in done.stderr
    assert "Traceback" not in done.stderr


def a_kubeconfig(folder: Path) -> Path:
    """Of an API server that is not there."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        '{"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],'
        '"users": [{"name": "u", "user": {}}], "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],'
        '"current-context": "x"}'
    )
    return kubeconfig
