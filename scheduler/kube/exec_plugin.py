"""Credentials from a plugin: a command that the kubeconfig names, such as ``aws eks get-token``.

Owns when to run it: at the first request, shortly before its answer expires, and after a refusal. The running itself,
with the protocol client.authentication.k8s.io, is the official client's and is handed in by ``kubeconfig``.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec

from scheduler.kube.credentials import fits_header
from scheduler.kube.errors import Unauthorized

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

_EARLY_SECONDS = 60.0
"""How long before its expiry an answer is replaced."""

_PAUSE_SECONDS = 10.0
"""Between two runs when the plugin fails, or the server refuses whatever it says."""


class PluginFailed(Exception):
    """The command could not be run, or its answer makes no sense."""


class _Answer(msgspec.Struct, rename="camel"):
    """The status of an ExecCredential."""

    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class ExecPlugin:
    """Runs the command when needed; many requests may wait for one run.

    ``run`` executes it and returns the ExecCredential's status, or raises PluginFailed; ``command`` is its name, for
    messages. A client certificate in the answer is loaded into ``context``. ``clock`` gives seconds since 1970.
    """

    def __init__(
        self,
        run: Callable[[], Awaitable[Any]],
        command: str,
        context: ssl.SSLContext | None,
        *,
        seconds: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._run = run
        self._command = command
        self._context = context
        self._seconds = seconds
        self._clock = clock
        self._authorization: str | None = None
        self._expires = float("-inf")
        self._ran_at = float("-inf")
        self._failure = ""
        self._running = asyncio.Lock()
        self.certificates = 0

    async def authorization(self) -> str | None:
        if self._clock() >= self._expires:
            async with self._running:
                if self._clock() >= self._expires:  # else another request ran it while this one waited
                    await self._renew()
        return self._authorization

    def rejected(self, authorization: str | None) -> None:
        if authorization == self._authorization and self._clock() >= self._ran_at + _PAUSE_SECONDS:
            self._expires = float("-inf")

    async def _renew(self) -> None:
        now = self._clock()
        if not self._failure or now >= self._ran_at + _PAUSE_SECONDS:
            self._ran_at = now
            try:
                self._failure = ""
                self._take(await self._ask())
            except PluginFailed as error:
                self._failure = str(error)
        if self._failure:
            raise Unauthorized(f"the credential plugin {self._command} failed: {self._failure}")

    async def _ask(self) -> _Answer:
        try:
            async with asyncio.timeout(self._seconds):
                return msgspec.convert(await self._run(), _Answer)
        except TimeoutError as error:
            raise PluginFailed(f"no answer within {self._seconds:g} s") from error
        except OSError as error:
            raise PluginFailed(f"it cannot be run ({error.strerror or error})") from error
        except msgspec.ValidationError as error:
            raise PluginFailed(f"its answer cannot be read: {error}") from error

    def _take(self, answer: _Answer) -> None:
        if answer.client_certificate_data:
            self._load(answer)
        elif not answer.token:
            raise PluginFailed("its answer has neither a token nor a client certificate")
        if answer.token and not fits_header(answer.token):
            raise PluginFailed("its token cannot be sent in a header")
        self._authorization = f"Bearer {answer.token}" if answer.token else None
        expiry = answer.expiration_timestamp
        # Without an expiry the answer holds until it is refused.
        self._expires = float("inf") if expiry is None else max(expiry.timestamp() - _EARLY_SECONDS, self._ran_at + 1)

    def _load(self, answer: _Answer) -> None:
        if self._context is None:
            raise PluginFailed("it gives a client certificate, but the server's URL is not https")
        with TemporaryDirectory() as folder:
            certificate, key = Path(folder, "tls.crt"), Path(folder, "tls.key")
            certificate.write_text(answer.client_certificate_data)
            key.write_text(answer.client_key_data)
            try:
                self._context.load_cert_chain(certificate, key, password="")
            except OSError as error:
                raise PluginFailed(f"its client certificate cannot be used ({error})") from error
        self.certificates += 1
