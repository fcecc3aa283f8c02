"""Windows hosts and image builds: the published table, release by release."""

from __future__ import annotations

import pytest

from scheduler.images.runtime import Runtime, library_rules
from scheduler.images.windows_build import build_prefix, parse_version, runs_on_host

HOSTS = [17763, 20348, 25398, 26100, 26200]
TABLE = {  # image build -> the hosts above that run it, by the present rules
    17763: [17763],
    20348: [20348, 25398, 26100, 26200],
    22621: [25398, 26100, 26200],
    25398: [25398, 26100, 26200],
    26100: [26100, 26200],
    26200: [26200],
}
NOT_ON_26200_BEFORE = {20348, 22621, 25398}  # containerd 2.1.8 to 2.3.4 demand 26100 there

PRESENT = library_rules(Runtime.CONTAINERD)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("image", TABLE)
def test_a_build_runs_where_the_compatibility_table_says(image: int, host: int) -> None:
    assert runs_on_host(f"10.0.{image}.1", f"10.0.{host}", PRESENT) == (host in TABLE[image])


@pytest.mark.parametrize("runtime", [Runtime.CONTAINERD_2_2, Runtime.CONTAINERD_2_3])
@pytest.mark.parametrize("image", TABLE)
def test_some_releases_demand_the_newest_ltsc_of_hosts_beyond_it(image: int, runtime: Runtime) -> None:
    runs = runs_on_host(f"10.0.{image}", "10.0.26200", library_rules(runtime))
    assert runs == (26200 in TABLE[image] and image not in NOT_ON_26200_BEFORE)


@pytest.mark.parametrize("host", ["10.0.17763", "10.0.20348", "10.0.26100"])
def test_an_image_without_version_runs_on_every_host(host: str) -> None:
    assert runs_on_host("", host, PRESENT)


@pytest.mark.parametrize("host", ["", "10.0", "unknown", "10.0.99999999", "0.0.0"])
def test_a_host_that_cannot_be_read_refuses_nothing(host: str) -> None:
    assert runs_on_host("10.0.17763.1", host, PRESENT)


@pytest.mark.parametrize("image", ["10.0", "20348", "10.0.x.1", "10.0.86000", "6.3.20348", "10.1.20348"])
def test_an_image_of_an_unreadable_or_another_line_fits_no_host(image: str) -> None:
    assert not runs_on_host(image, "10.0.20348", PRESENT)


def test_containerd_1_7_reads_unreadable_versions_its_own_way() -> None:
    rules = library_rules(Runtime.CONTAINERD_1_7)
    assert runs_on_host("10.0.86000", "10.0.20464", rules)  # wraps around to 20464
    assert runs_on_host("266.0.20348", "10.0.20348", rules)
    assert not runs_on_host("10.0.x", "10.0.20348", rules)
    assert not runs_on_host("10.0", "10.0.20348", rules)


@pytest.mark.parametrize(
    ("text", "version", "prefix"),
    [
        ("10.0.20348.2700", (10, 0, 20348), "10.0.20348"),
        ("10.0.20348", (10, 0, 20348), "10.0.20348"),
        ("10.0", None, "10.0"),
        ("5.15.0-1058-aws", None, "5.15.0-1058-aws"),
        ("10.0.\uff12\uff10\uff13\uff14\uff18", None, "10.0.\uff12\uff10\uff13\uff14\uff18"),
        ("", None, ""),
    ],
)
def test_the_part_that_decides_is_cut_out(text: str, version: tuple[int, int, int] | None, prefix: str) -> None:
    assert parse_version(text) == version
    assert build_prefix(text) == prefix
