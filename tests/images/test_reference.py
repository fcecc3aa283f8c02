"""Image names, against the answers of distribution/reference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.images.reference import InvalidReference, Reference, parse_reference
from tests.images.cases import Case, load

_CASES: list[Case] = load("reference-parsing-cases.json")["cases"]

_REASONS = {
    "uppercase": ("must be lower case", "digest algorithm"),
    "bare-hex-id": ("bare image ID",),
    "name-too-long": ("more than 255 characters",),
    "digest-algorithm": ("digest algorithm",),
    "digest-length": ("hexadecimal digits",),
    "digest-format": ("hexadecimal digits",),
    "format": ("",),
}


@pytest.mark.parametrize("case", [case for case in _CASES if "error" in case], ids=lambda case: case["id"])
def test_what_the_library_refuses_is_refused_for_the_same_reason(case: Case) -> None:
    with pytest.raises(InvalidReference) as caught:
        parse_reference(case["ref"])
    assert caught.value.text == case["ref"]
    assert any(words in caught.value.reason for words in _REASONS[case["error_kind"]])


@pytest.mark.parametrize("case", [case for case in _CASES if case.get("registry")], ids=lambda case: case["id"])
def test_what_the_library_reads_is_read_alike(case: Case) -> None:
    reference = parse_reference(case["ref"])
    assert reference == Reference(case["registry"], case["repository"], case.get("tag"), case.get("digest"))
    assert str(reference) == case["normalized"]
    assert reference.name == f"{case['registry']}/{case['repository']}"


def test_every_case_is_looked_at() -> None:
    odd = [case["ref"] for case in _CASES if "error" not in case and not case["registry"]]
    assert len(_CASES) == 233
    assert odd == ["ex_ample.com/a"]


def test_a_name_with_an_empty_registry_is_refused_because_nothing_can_be_pulled_from_it() -> None:
    with pytest.raises(InvalidReference, match=r"ex_ample\.com/a"):
        parse_reference("ex_ample.com/a")


def test_the_digest_decides_beside_a_tag() -> None:
    digest = f"sha256:{'a' * 64}"
    assert parse_reference(f"ghcr.io/acme/app:1@{digest}").target == digest
    assert parse_reference("ghcr.io/acme/app:1").target == "1"
    assert parse_reference("ghcr.io/acme/app").target == "latest"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("https://example.com/a", "scheme"),
        ("example.com/App", "lower case"),
        ("a b", "white space"),
        ("user:password@example.com/a", "no registry host"),
        ("a:b:c", "of the form"),
    ],
)
def test_the_reason_is_one_that_a_person_can_act_on(text: str, reason: str) -> None:
    with pytest.raises(InvalidReference, match=reason):
        parse_reference(text)


_PORT = r"(:[0-9]{1,5})?"
_HOSTS = st.from_regex(rf"([a-z0-9]{{1,5}}\.[A-Z]{{1,3}}|localhost|\[:[0-9a-f:]{{1,9}}\]){_PORT}", fullmatch=True)
_COMPONENTS = st.from_regex(r"[a-z0-9]{1,6}((\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}", fullmatch=True)
_TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
_DIGESTS = st.from_regex(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", fullmatch=True)


@given(_HOSTS, st.lists(_COMPONENTS, min_size=1, max_size=3).map("/".join), st.none() | _TAGS, st.none() | _DIGESTS)
def test_a_name_of_legal_parts_is_read_into_them(
    host: str, repository: str, tag: str | None, digest: str | None
) -> None:
    text = f"{host}/{repository}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    expected = Reference(host, repository, "latest" if tag is None and digest is None else tag, digest)
    assert parse_reference(text) == expected
    assert parse_reference(str(expected)) == expected


@given(st.text(max_size=60) | st.text("aB.:/@-_[] ", max_size=20))
def test_any_text_is_refused_with_a_reason_or_read_for_good(text: str) -> None:
    result = _read(text)
    if isinstance(result, InvalidReference):
        assert result.text == text
        assert result.reason
    else:
        assert _read(str(result)) == result


def _read(text: str) -> Reference | InvalidReference:
    try:
        return parse_reference(text)
    except InvalidReference as error:
        return error
