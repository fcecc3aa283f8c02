"""A token service as registries use it: Docker's token protocol, both its forms, with tokens that distribution checks.

Owns who may pull and push what: USER everything, anybody what lies below `public/`. It runs in a thread of its own,
because the tools that ask it block the test.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.cluster.registry import PASSWORD, USER
from tests.kube.pki import Authority

if TYPE_CHECKING:
    from pathlib import Path

PUBLIC = "public/"
IDENTITY_TOKEN = "remembered"
"""What `docker login` would have left of USER's password."""
SERVICE, ISSUER = "tests-registry", "tests-issuer"
_LIFETIME = 300


class TokenServer:
    """A context manager. `requests` are the methods of the requests so far, in order."""

    def __init__(self, folder: Path) -> None:
        authority = Authority("tokens")
        certificate, key = authority.issue("tokens")
        private = serialization.load_pem_private_key(key, None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        self._key = private
        der = x509.load_pem_x509_certificate(certificate).public_bytes(serialization.Encoding.DER)
        self._header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        self.authority = folder / "token-authority.pem"
        """Whom the registry has to trust."""
        self.authority.write_bytes(authority.pem)
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def realm(self) -> str:
        """Where tokens are issued."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/token"

    def for_registry(self) -> dict[str, str]:
        """What distribution is to be configured with."""
        return {"realm": self.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(self.authority)}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, scopes: list[str], *, is_user: bool) -> str:
        """A JSON web token for as much of the scopes as may be granted."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": USER if is_user else "",
            "aud": SERVICE,
            "iat": now,
            "nbf": now - 10,
            "exp": now + _LIFETIME,
            "jti": secrets.token_hex(8),
            "access": [access for scope in scopes if (access := _granted(scope, is_user=is_user)) is not None],
        }
        signed = f"{_base64(json.dumps(self._header).encode())}.{_base64(json.dumps(claims).encode())}"
        numbers = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(b''.join(number.to_bytes(32, 'big') for number in numbers))}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.requests.append("GET")
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                authorization = self.headers.get("Authorization")
                if authorization is not None and authorization != f"Basic {_credentials()}":
                    self._answer(401, {"details": "incorrect username or password"})
                    return
                self._issue(query.get("scope", []), is_user=authorization is not None)

            def do_POST(self) -> None:
                service.requests.append("POST")
                length = int(self.headers.get("Content-Length", "0"))
                form = dict(urllib.parse.parse_qsl(self.rfile.read(length).decode()))
                if (form.get("grant_type"), form.get("refresh_token")) != ("refresh_token", IDENTITY_TOKEN):
                    self._answer(401, {"error": "invalid_grant"})
                    return
                self._issue(form.get("scope", "").split(), is_user=True)

            def _issue(self, scopes: list[str], *, is_user: bool) -> None:
                token = service.token(scopes, is_user=is_user)
                self._answer(200, {"token": token, "access_token": token, "expires_in": _LIFETIME})

            def _answer(self, status: int, document: dict[str, Any]) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
                """Nothing: requests are counted instead."""

        return Handler


def _granted(scope: str, *, is_user: bool) -> dict[str, Any] | None:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    if is_user:
        return {"type": kind, "name": name, "actions": actions.split(",")}
    return {"type": kind, "name": name, "actions": ["pull"]} if name.startswith(PUBLIC) else None


def _credentials() -> str:
    return base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
