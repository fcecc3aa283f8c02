"""The grammar of WWW-Authenticate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.oci.challenges import Challenge, parse_challenges
from scheduler.oci.retry_after import retry_after

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull"'


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], []),
        ([""], []),
        (["Basic"], [("basic", {})]),
        (['BASIC REALM="x"'], [("basic", {"realm": "x"})]),
        (["Bearer realm=http://a/token,service=b"], [("bearer", {"realm": "http://a/token", "service": "b"})]),
        (['Bearer realm="a, b", Basic realm="c"'], [("bearer", {"realm": "a, b"}), ("basic", {"realm": "c"})]),
        (['Bearer realm="a"', 'Basic realm="c"'], [("bearer", {"realm": "a"}), ("basic", {"realm": "c"})]),
        ([r'Basic realm="say \"hi\" \\"'], [("basic", {"realm": 'say "hi" \\'})]),
        (
            ['Negotiate, Bearer realm = "a" , service = "b"'],
            [("negotiate", {}), ("bearer", {"realm": "a", "service": "b"})],
        ),
        (['Bearer realm="a",realm="b"'], [("bearer", {"realm": "a"})]),
        (['Bearer realm="unterminated'], [("bearer", {})]),
    ],
)
def test_challenges_are_read(headers: list[str], expected: list[tuple[str, dict[str, str]]]) -> None:
    assert parse_challenges(headers)[: len(expected)] == [Challenge(*challenge) for challenge in expected]


def test_docker_hubs_challenge_is_read() -> None:
    (challenge,) = parse_challenges([HUB])
    assert challenge == Challenge(
        "bearer",
        {
            "realm": "https://auth.docker.io/token",
            "service": "registry.docker.io",
            "scope": "repository:library/nginx:pull",
        },
    )


@given(st.lists(st.text(alphabet=st.sampled_from('Bearsic =,"\\;\t1'), max_size=60), max_size=3))
def test_no_header_raises_or_runs_on(headers: list[str]) -> None:
    assert len(parse_challenges(headers)) <= sum(map(len, headers))


DATE = "Tue, 24 Nov 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": " 120 "}, 120.0),
        ({"Retry-After": "99999999999"}, 86400.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "\u0663"}, None),
        ({"Retry-After": "Tue, 24 Nov 2026 07:30:00 GMT", "Date": DATE}, 120.0),
        ({"Retry-After": "Tue, 24 Nov 2026 07:26:00 GMT", "Date": DATE}, None),
        ({"Retry-After": "Tue, 24 Nov 2026 07:30:00 GMT"}, None),
        ({"Retry-After": "Tue, 99 Nov 2026 07:30:00 GMT", "Date": DATE}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_against_the_answers_own(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds
