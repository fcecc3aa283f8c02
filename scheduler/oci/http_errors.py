"""What the HTTP library's errors mean for users.

Owns the translation: nothing of the library's own texts gets through, since they hold URLs and vary from one time to
the next, which would keep events from being counted together.
"""

from __future__ import annotations

import os

import aiohttp

from scheduler.oci.connections import is_forbidden_address
from scheduler.oci.errors import Blocked, Malformed, RegistryError, TlsFailed, Unreachable


def explained(error: aiohttp.ClientError, host: str, subject: str, elsewhere: str = "") -> RegistryError:
    """The error as ours. ``elsewhere``: the host that ``host`` sent us to, where that is the one that failed."""
    it = f"sent us to {elsewhere}, which " if elsewhere else ""
    if is_forbidden_address(error):
        return Blocked(host, f"{it}is at an address that may not be asked", subject)
    match error:
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return Unreachable(host, f"{it}cannot be reached", subject, "the HTTP proxy did not let us through")
        case aiohttp.ClientConnectorCertificateError():
            return TlsFailed(host, f"{it}has a certificate that is not trusted", subject, _certificate_reason(error))
        case aiohttp.ClientSSLError():
            return TlsFailed(host, f"{it}did not complete the TLS handshake", subject)
        case aiohttp.ClientConnectorDNSError():
            return Unreachable(host, f"{it}cannot be found", subject, "its name has no address")
        case aiohttp.ClientConnectorError():
            return Unreachable(host, f"{it}cannot be reached", subject, os.strerror(error.errno or 0).lower())
        case aiohttp.InvalidURL():
            return Unreachable(host, f"{it}cannot be reached", subject, "its name is no host that exists")
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return Unreachable(host, f"{it}closed the connection in the middle of its answer", subject)
    return Malformed(host, f"{it}answered with something that is not HTTP", subject)


def _certificate_reason(error: aiohttp.ClientConnectorCertificateError) -> str:
    return str(getattr(error.certificate_error, "verify_message", "") or "")
