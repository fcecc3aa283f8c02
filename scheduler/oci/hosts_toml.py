"""containerd's `hosts.toml`: which hosts stand for a registry.

Owns the reading of one directory per registry, as containerd 2 reads it (`core/remotes/docker/config/hosts.go`):
hosts in the order of the file, then the registry's own server, which is there even when `server` is left out; without
the file, the certificates that lie in the directory. A file that cannot be understood stops the start, naming the
field.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from scheduler.oci.settings import InvalidRegistrySettings
from scheduler.oci.tls import DEFAULT_TLS, Tls

_CAPABILITIES = frozenset({"pull", "resolve", "push"})
_DEFAULT_DIRECTORY = "_default"


class InvalidHostsFile(InvalidRegistrySettings):
    """The message names the file and the field."""


@dataclass(frozen=True, slots=True)
class Host:
    """One host of a registry. ``base`` None: the registry's own address."""

    base: URL | None
    pull: bool = True
    resolve: bool = True
    headers: tuple[tuple[str, str], ...] = ()
    tls: Tls = DEFAULT_TLS

    def serves(self, *, by_digest: bool) -> bool:
        """Following a tag is more trust than fetching what a digest vouches for."""
        return self.pull and (by_digest or self.resolve)


def read_hosts_directory(directory: Path) -> dict[str, tuple[Host, ...]]:
    """The hosts by the name of their directory, the server last. Raises InvalidHostsFile."""
    if not directory.is_dir():
        raise InvalidHostsFile(f"{directory} is no directory")
    found: dict[str, tuple[Host, ...]] = {}
    for registry in sorted(path for path in directory.iterdir() if path.is_dir()):
        file = registry / "hosts.toml"
        found[registry.name] = read_hosts_file(file) if file.is_file() else (Host(None, tls=_loose_files(registry)),)
    return found


def hosts_of(registry: str, directories: Mapping[str, tuple[Host, ...]]) -> tuple[Host, ...] | None:
    """The hosts for `host` or `host:port`; None when no directory is there for it."""
    host, colon, port = registry.rpartition(":")
    names = [f"{host}_{port}_", registry] if colon and not registry.endswith("]") else [registry]
    for name in (*names, _DEFAULT_DIRECTORY):
        if name in directories:
            return directories[name]
    return None


def read_hosts_file(file: Path) -> tuple[Host, ...]:
    """The hosts of one file, the server last. Raises InvalidHostsFile."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidHostsFile(f"{file}: {error}") from None
    tables = document.get("host", {})
    if not isinstance(tables, Mapping):
        raise InvalidHostsFile(f"{file}: host is not a table")
    hosts = [_Table(file, f'host."{name}"', table).host(name) for name, table in tables.items()]
    root = _Table(file, "server", document)
    server = document.get("server")
    return (*hosts, root.host(root.text(server, "server") if server else None))


class _Table:
    """One table of a file; knows what to call its fields in errors."""

    def __init__(self, file: Path, name: str, table: object) -> None:
        if not isinstance(table, Mapping):
            raise InvalidHostsFile(f"{file}: {name} is not a table")
        self._file = file
        self._name = name
        self._table = table

    def host(self, address: str | None) -> Host:
        capabilities = set(self._texts("capabilities")) or _CAPABILITIES
        unknown = capabilities - _CAPABILITIES
        if unknown:
            raise self._invalid("capabilities", f"holds {min(unknown)!r}, which is none of pull, resolve, push")
        tls = Tls(
            tuple(self._path(path) for path in self._texts("ca")),
            tuple(self._client_pairs()),
            verify=not self._flag("skip_verify"),
        )
        return Host(
            None if address is None else self._base(address),
            pull="pull" in capabilities,
            resolve="resolve" in capabilities,
            headers=tuple(self._headers()),
            tls=tls,
        )

    def text(self, value: object, field: str) -> str:
        if not isinstance(value, str):
            raise self._invalid(field, "is not a string")
        return value

    def _base(self, address: str) -> URL:
        try:
            url = URL(address if "://" in address else f"https://{address}")
            usable = bool(url.host) and url.scheme in ("http", "https")
        except ValueError:
            usable = False
        if not usable:
            raise InvalidHostsFile(f"{self._file}: {address!r} is no address of a host")
        path = url.path.rstrip("/")
        if not self._flag("override_path") and not path.endswith("/v2"):
            path += "/v2"
        return url.with_path(path)

    def _headers(self) -> Iterator[tuple[str, str]]:
        headers = self._table.get("header", {})
        if not isinstance(headers, Mapping):
            raise self._invalid("header", "is not a table")
        for name, value in headers.items():
            values = value if isinstance(value, list) else [value]
            text = ", ".join(self.text(each, f"header.{name}") for each in values)
            if not f"{name}{text}".isprintable():
                raise self._invalid(f"header.{name!r}", "holds what no header can hold")
            yield name, text

    def _client_pairs(self) -> Iterator[tuple[Path, Path]]:
        """A file with both, files with both, or pairs of certificate and key."""
        value = self._table.get("client", [])
        for each in value if isinstance(value, list) else [value]:
            pair = each if isinstance(each, list) else [each]
            paths = [self._path(self.text(path, "client")) for path in pair if path != ""]
            if not 1 <= len(paths) <= 2:
                raise self._invalid("client", "is not a file, or pairs of certificate and key")
            yield paths[0], paths[-1]

    def _texts(self, field: str) -> Sequence[str]:
        value = self._table.get(field, [])
        return [self.text(each, field) for each in (value if isinstance(value, list) else [value])]

    def _flag(self, field: str) -> bool:
        value = self._table.get(field, False)
        if not isinstance(value, bool):
            raise self._invalid(field, "is neither true nor false")
        return value

    def _path(self, text: str) -> Path:
        return self._file.parent / text  # an absolute one stays

    def _invalid(self, field: str, problem: str) -> InvalidHostsFile:
        return InvalidHostsFile(f"{self._file}: {self._name}: {field} {problem}")


def _loose_files(directory: Path) -> Tls:
    """Docker's layout: `*.crt` are authorities, `x.cert` with `x.key` our own certificate."""
    client = [
        (certificate, certificate.with_suffix(".key"))
        for certificate in sorted(directory.glob("*.cert"))
        if certificate.with_suffix(".key").exists()
    ]
    return Tls(tuple(sorted(directory.glob("*.crt"))), tuple(client))
