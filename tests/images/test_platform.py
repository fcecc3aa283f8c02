"""Spelling and normal form of platforms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.images.platform import InvalidPlatform, Platform, normalize, parse_platform

_NAMES = st.text("abcABC019_.-", min_size=1, max_size=8)
_OS_NAMES = st.text("abcABC019_-", min_size=1, max_size=8)
_OPTIONS = st.text("ab01._-%+()/ ", max_size=8)
_KNOWN_NAMES = st.sampled_from(
    ["amd64", "x86_64", "X86-64", "arm64", "aarch64", "arm", "armhf", "armel", "386", "i386", "s390x", "riscv64"]
)
_VARIANTS = st.sampled_from(["", "v1", "V1", "v3", "5", "6", "7", "8", "v7", "v8", "V8", "v8.0", "9", "9.0", "v9.2"])

platforms = st.builds(
    Platform,
    os=st.sampled_from(["linux", "Linux", "windows", "macOS", "darwin", ""]),
    architecture=_KNOWN_NAMES | _NAMES,
    variant=_VARIANTS,
    os_version=_OPTIONS,
    os_features=st.lists(_OPTIONS.filter(bool), max_size=3).map(tuple),
)


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/amd64", Platform("linux", "amd64")),
        ("linux/arm/v6", Platform("linux", "arm", "v6")),
        ("linux/arm", Platform("linux", "arm", "v7")),
        ("linux/arm64/v8", Platform("linux", "arm64")),
        ("Linux/X86_64", Platform("linux", "amd64")),
        ("windows(10.0.20348.2700)/amd64", Platform("windows", "amd64", os_version="10.0.20348.2700")),
        ("windows(10.0.17763+win32k)/amd64", Platform("windows", "amd64", "", "10.0.17763", ("win32k",))),
        ("linux(+a+b)/amd64", Platform("linux", "amd64", os_features=("a", "b"))),
    ],
)
def test_a_platform_is_read_into_its_normal_form(text: str, platform: Platform) -> None:
    assert parse_platform(text) == platform


@pytest.mark.parametrize(
    "text", ["", "linux", "arm64", "linux/", "/amd64", "linux/amd64/v1/x", "li nux/amd64", "*/arm"]
)
def test_what_names_no_platform_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(InvalidPlatform) as caught:
        parse_platform(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("platform", "text"),
    [
        (Platform("linux", "arm", "v7"), "linux/arm/v7"),
        (Platform("windows", "amd64", os_version="10.0.20348.1"), "windows(10.0.20348.1)/amd64"),
        (Platform("linux", "x86_64"), "linux/x86_64"),
        (Platform("", "amd64"), "unknown/amd64"),
    ],
)
def test_a_platform_is_written_as_found(platform: Platform, text: str) -> None:
    assert str(platform) == text


@given(_OS_NAMES, _NAMES, _VARIANTS, _OPTIONS, st.lists(_OPTIONS.filter(bool), max_size=3).map(tuple))
def test_a_normal_platform_survives_being_written_and_read(
    os: str, architecture: str, variant: str, version: str, features: tuple[str, ...]
) -> None:
    normal = normalize(
        Platform(os, architecture, variant, version.replace(" ", ""), tuple(f.replace(" ", "_") for f in features))
    )
    assert parse_platform(str(normal)) == normal


@given(platforms)
def test_normalising_twice_changes_nothing_more(platform: Platform) -> None:
    once = normalize(platform, "linux")
    assert normalize(once, "linux") == once


@given(platforms)
def test_older_normal_forms_differ_only_in_levels_of_arm64(platform: Platform) -> None:
    new, old = normalize(platform, "linux"), normalize(platform, "linux", arm64_levels=False)
    assert new == old or new.architecture == "arm64"
