"""The credentials in docker configuration files, and those that their credential helpers give.

Owns the order of a docker client (`credHelpers`, then `credsStore`, then `auths`) and the protocol of the helpers
(`docker-credential-<name> get`). The keys of `auths` match as in the kubelet, which reads the same file on a node.
The file is read again when it changes. A file or helper that fails has no credentials, and says so through
``on_problem``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cachetools import TTLCache

from scheduler.images.reference import DOCKER_HUB, Reference
from scheduler.oci.credential import Credential
from scheduler.oci.credentials import NO_CREDENTIALS, Keyring
from scheduler.oci.docker_config import InvalidDockerConfig, parse_auths
from scheduler.oci.programs import ProgramFailed, run
from scheduler.oci.single_flight import SingleFlight
from scheduler.oci.transport import Clock

_HUB_SERVER = "https://index.docker.io/v1/"
_HUB_NAMES = (_HUB_SERVER, DOCKER_HUB, "index.docker.io")
_HELPER_SECONDS = 10.0
_KEPT_FOR = 300.0  # helpers of clouds give tokens for hours; a shorter time only costs a process
_KEPT = 1024
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
_IDENTITY_MARK = "<token>"

OnProblem = Callable[[str], None]
"""Told in one sentence, without secrets, what went wrong with a source of credentials."""


class _File(msgspec.Struct, rename={"cred_helpers": "credHelpers", "creds_store": "credsStore"}):
    auths: dict[str, object] | None = None
    cred_helpers: dict[str, str] | None = None
    creds_store: str | None = None


class _HelperAnswer(msgspec.Struct, rename="pascal"):
    username: str = ""
    secret: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    version: tuple[int, int] | None = None
    """Time of change and size of the file when it was read; None: it is not there."""
    keyring: Keyring = NO_CREDENTIALS
    helpers: Mapping[str, str] | None = None
    store: str = ""


class DockerConfigFile:
    """A source of credentials: one `config.json`. A file that is not there has none."""

    def __init__(self, path: Path, *, now: Clock, on_problem: OnProblem) -> None:
        self._path = path
        self._on_problem = on_problem
        self._read = _Read()
        self._from_helpers: TTLCache[tuple[str, str], Credential | None] = TTLCache(_KEPT, _KEPT_FOR, timer=now)
        self._flights: SingleFlight[tuple[str, str], Credential | None] = SingleFlight()

    async def credentials(self, reference: Reference) -> Sequence[Credential]:
        """From the helper for the registry if there is one and it knows it, else from the file."""
        await self._refresh()
        helper = self._helper(reference.registry)
        if helper:
            server = _HUB_SERVER if reference.registry == DOCKER_HUB else reference.registry
            credential = await self._ask(helper, server)
            if credential is not None:
                return (credential,)
        return self._read.keyring.lookup(reference)

    async def close(self) -> None:
        await self._flights.close()

    def _helper(self, registry: str) -> str:
        names = _HUB_NAMES if registry == DOCKER_HUB else (registry,)
        helpers = self._read.helpers or {}
        return next((helpers[name] for name in names if name in helpers), self._read.store)

    async def _refresh(self) -> None:
        version = await asyncio.to_thread(_version, self._path)
        if version == self._read.version:
            return
        try:
            self._read = await asyncio.to_thread(_parse, self._path, version)
        except (OSError, InvalidDockerConfig) as error:
            self._read = _Read(version)
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._on_problem(f"{self._path} cannot be read: {reason}")
        self._from_helpers.clear()

    async def _ask(self, helper: str, server: str) -> Credential | None:
        key = (helper, server)
        if key in self._from_helpers:
            return self._from_helpers[key]
        credential = await self._flights.run(key, lambda: self._run(helper, server))
        self._from_helpers[key] = credential
        return credential

    async def _run(self, helper: str, server: str) -> Credential | None:
        program = f"docker-credential-{helper}"
        try:
            status, output = await run(program, ["get"], server.encode(), _HELPER_SECONDS, {})
        except ProgramFailed as error:
            self._on_problem(f"{error}, asked for credentials for {server}")
            return None
        if status != 0:
            if b"credentials not found" not in output:
                self._on_problem(f"{program} ended with {status}, asked for credentials for {server}")
            return None
        try:
            answer = msgspec.json.decode(output, type=_HelperAnswer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._on_problem(f"{program} gave no credential that can be read for {server}")
            return None
        if answer.username == _IDENTITY_MARK:
            return Credential(identity_token=answer.secret)
        return Credential(answer.username, answer.secret)


def _version(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError:
        return (0, 0)  # reading it will tell why
    return found.st_mtime_ns, found.st_size


def _parse(path: Path, version: tuple[int, int] | None) -> _Read:
    if version is None:
        return _Read()
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidDockerConfig(f"it is no docker configuration ({type(error).__name__})") from None
    helpers = file.cred_helpers or {}
    for name in (*helpers.values(), *filter(None, [file.creds_store])):
        if not _HELPER.fullmatch(name):  # it becomes part of a program's name
            raise InvalidDockerConfig(f"{name!r} is no name of a credential helper")
    keyring = Keyring([parse_auths(file.auths, identity_tokens=True)])
    return _Read(version, keyring, helpers, file.creds_store or "")
