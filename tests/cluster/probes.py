"""Readiness of a server over HTTP, asked without an event loop, as fixtures and start-up code need it."""

from __future__ import annotations

import http.client
import ssl
import urllib.parse
from pathlib import Path

_ANSWER_SECONDS = 2.0


def answers_ok(url: str, ca_file: Path | None = None, token: str | None = None) -> bool:
    """Whether `GET url` is answered by a status below 400; False for every failure to connect, or to trust.

    `ca_file` holds the certificates to trust for https; while it does not exist the answer is False, because servers
    that sign their own certificate write it on the way up.
    """
    parts = urllib.parse.urlsplit(url)
    assert parts.hostname is not None
    connection: http.client.HTTPConnection
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=ca_file)
            connection = http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=_ANSWER_SECONDS, context=context
            )
        else:
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_ANSWER_SECONDS)
    except (OSError, ssl.SSLError):
        return False
    try:
        connection.request("GET", parts.path, headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
