"""What a file comes to is shown, and what is wrong with it is named."""

import subprocess
import sys

import pytest

from scheduler.commands.check_config import describe
from scheduler.config.strict import InvalidSettings

CONFIGURATION = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
podMaxBackoffSeconds: 30
percentageOfNodesToScore: 50
profiles:
- schedulerName: packing
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated}}
- schedulerName: spreading
  plugins: {score: {disabled: [{name: ImageLocality}]}}
"""


def lines(path, text):
    path.write_text(text)
    return list(describe(path))


def test_a_configuration_is_shown_with_its_profiles(tmp_path):
    path = tmp_path / "c.yaml"
    found = lines(path, CONFIGURATION)
    assert found[0] == f"{path}: KubeSchedulerConfiguration is valid"
    assert "  podMaxBackoffSeconds: 30" in found
    assert "  without effect: percentageOfNodesToScore: every node is considered" in found
    assert [line for line in found if line.startswith("profile")] == ["profile packing", "profile spreading"]
    assert any("MostAllocated" in line for line in found)
    first, second = [line for line in found if line.startswith("  scores:")]
    assert first.endswith("ImageLocality x1")
    assert "ImageLocality" not in second


def test_settings_are_shown_where_they_differ_from_the_default(tmp_path):
    found = lines(tmp_path / "s.yaml", "schedulerName: mine\nbackoff: {initialSeconds: 2}\n")
    assert found[1:3] == ["  schedulerName: mine", "  backoff.initialSeconds: 2.0"]
    assert "profile mine" in found


def test_the_configuration_that_settings_name_is_looked_for_beside_them(tmp_path):
    (tmp_path / "c.yaml").write_text(CONFIGURATION)
    found = lines(tmp_path / "s.yaml", "schedulerConfiguration: c.yaml\n")
    assert "profile packing" in found
    with pytest.raises(InvalidSettings, match=r"gone\.yaml: cannot be read"):
        lines(tmp_path / "s.yaml", "schedulerConfiguration: gone.yaml\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schedulerName: a\nschedulerConfiguration: c.yaml\n", "schedulerName: the profiles of schedulerConfiguration"),
        ("nonsense: 1\n", "nonsense: unknown field"),
        ("- a list\n", "Expected object, got array"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises(InvalidSettings) as failure:
        lines(tmp_path / "s.yaml", text)
    assert str(failure.value).startswith(f"{tmp_path / 's.yaml'}: {message}")


def test_the_command_says_so_and_fails(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(CONFIGURATION.replace("packing", "spreading"))
    done = subprocess.run(
        [sys.executable, "-m", "scheduler", "check-config", path],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stderr == f"Error: {path}: profiles[1].schedulerName: 'spreading' is given twice\n"
