from __future__ import annotations

import msgspec
import pytest

from scheduler.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    MalformedAnswer,
    NotFound,
    ServerError,
    TooManyRequests,
    Unauthorized,
    Unreachable,
    error_from_status,
    explain,
)
from tests.kube.scripted_server import status

SERVER = "https://10.0.0.1:6443"


@pytest.mark.parametrize(
    ("code", "reason", "expected", "transient"),
    [
        (400, "BadRequest", ApiError, False),
        (401, "Unauthorized", Unauthorized, False),
        (403, "Forbidden", Forbidden, False),
        (404, "NotFound", NotFound, False),
        (409, "Conflict", Conflict, False),
        (409, "AlreadyExists", AlreadyExists, False),
        (410, "Expired", Gone, False),
        (422, "Invalid", Invalid, False),
        (429, "TooManyRequests", TooManyRequests, True),
        (500, "InternalError", ServerError, True),
        (503, "ServiceUnavailable", ServerError, True),
        (504, "Timeout", ServerError, True),
    ],
)
def test_a_status_becomes_the_error_of_its_code(
    code: int, reason: str, expected: type[ApiError], transient: bool
) -> None:
    error = error_from_status(msgspec.json.encode(status(code, reason, "this is why")))
    assert type(error) is expected
    assert (error.status, error.reason, error.message, error.transient) == (code, reason, "this is why", transient)


@pytest.mark.parametrize(
    ("header", "in_body", "expected"),
    [
        (None, None, None),
        ("7", None, 7.0),
        (None, 3, 3.0),
        ("7", 3, 7.0),
        ("Fri, 31 Dec 2027 23:59:59 GMT", None, None),
    ],
)
def test_the_time_to_wait_comes_from_the_header_or_from_the_status(
    header: str | None, in_body: int | None, expected: float | None
) -> None:
    body = status(429) | ({} if in_body is None else {"details": {"retryAfterSeconds": in_body}})
    assert error_from_status(msgspec.json.encode(body), retry_after=header).retry_after == expected


def test_the_error_page_of_a_proxy_is_quoted_and_cut() -> None:
    error = error_from_status(b"<html>\n<h1>Bad   gateway</h1>" + b"x" * 100_000 + b"\xff", http_status=502)
    assert isinstance(error, ServerError)
    assert error.message.startswith("<html> <h1>Bad gateway</h1>xxx")
    assert len(error.message) <= 500


def test_an_empty_refusal_still_says_something() -> None:
    assert error_from_status(b"", http_status=503).message == "the API server answered 503"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unreachable("Connection refused", sent=False), f"cannot reach the API server {SERVER}: Connection refused"),
        (Unauthorized("who are you?", status=401), "check the token or client certificate"),
        (Forbidden('nodes is forbidden: User "x" cannot list', status=403), "grant it in the ClusterRole"),
        (MalformedAnswer("a list cannot be read"), "gave an answer that makes no sense"),
        (ServerError("etcd is away", status=500, reason="InternalError"), "refused (500 InternalError): etcd is away"),
    ],
)
def test_an_explanation_names_the_server_the_reason_and_the_remedy(error: ApiError, expected: str) -> None:
    text = explain(error, SERVER)
    assert SERVER in text
    assert error.message in text
    assert expected in text
