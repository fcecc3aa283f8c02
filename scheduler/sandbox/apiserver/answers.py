"""Answers as HTTP responses: bodies that are JSON, errors, warnings."""

from __future__ import annotations

from aiohttp import web

from scheduler.sandbox.apiserver.documents import encode
from scheduler.sandbox.apiserver.statuses import StatusError

JSON = "application/json"


def json_response(
    body: bytes, status: int = 200, warnings: list[str] | None = None, content_type: str = JSON
) -> web.Response:
    response = web.Response(body=body, status=status)
    response.headers["Content-Type"] = content_type
    response.headers["Cache-Control"] = "no-cache, private"
    return _with_warnings(response, warnings or [])


def error_response(error: StatusError) -> web.Response:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.code == 401:
        headers["WWW-Authenticate"] = 'Basic realm="kubernetes"'
    if error.plain:
        return web.Response(text=str(error), status=error.code, headers=headers)
    response = web.Response(body=encode(error.status()), status=error.code, content_type=JSON, headers=headers)
    return _with_warnings(response, error.warnings)


def _with_warnings(response: web.Response, warnings: list[str]) -> web.Response:
    for warning in warnings:
        response.headers.add("Warning", f"299 - {encode(warning).decode()}")
    return response
