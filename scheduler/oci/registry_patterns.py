"""Does a key of a docker configuration, or a `matchImages` pattern, fit an image?

Owns the kubelet's rule (`URLsMatch` in `pkg/credentialprovider/keyring.go`, and what Go's URL parser makes of the
texts): equal ports, as many host parts, `*` inside one host part, the path as a plain prefix.
"""

from __future__ import annotations

import ipaddress
import re
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import unquote

_HOST = re.compile(r"[A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"\x80-\U0010ffff]*")
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]*)\](:[0-9]*)?", re.ASCII)
_NAMED = re.compile(r"[^\[\]]*?(:[0-9]*)?", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Location(NamedTuple):
    """What the rule looks at of a key or an image."""

    host: str
    path: str

    @property
    def parts(self) -> list[str]:
        return self._split()[0].split(".")

    @property
    def port(self) -> str:
        return self._split()[1]

    def _split(self) -> tuple[str, str]:
        if (bracketed := _BRACKETED.fullmatch(self.host)) is not None and bracketed[2] is not None:
            return bracketed[1], bracketed[2][1:]
        if self.host.count(":") == 1:
            name, _, port = self.host.partition(":")
            return name, port
        return self.host, ""


def parse_location(text: str) -> Location | None:
    """Host and path of ``host[:port][/path]`` as Go's ``url.Parse`` reads it behind ``https://``; None: refused."""
    if _CONTROL.search(text):
        return None
    text = text.partition("#")[0].partition("?")[0]
    authority, slash, rest = text.partition("/")
    host = authority.rpartition("@")[2]
    if not _HOST.fullmatch(host) or not _brackets_hold(host) or _BAD_ESCAPE.search(rest):
        return None
    return Location(host, unquote(slash + rest))


def _brackets_hold(host: str) -> bool:
    bracketed = _BRACKETED.fullmatch(host)
    if bracketed is None:
        return _NAMED.fullmatch(host) is not None and _port_holds(host)
    try:
        return ipaddress.ip_address(bracketed[1]).version == 6
    except ValueError:
        return False


def _port_holds(host: str) -> bool:
    _, colon, port = host.rpartition(":")
    return not colon or port == "" or (port.isascii() and port.isdigit())


def fits(pattern: str, image: str) -> bool:
    """``image`` is a repository with its registry, without tag or digest. What cannot be parsed fits nothing."""
    wanted, given = parse_location(pattern), parse_location(image)
    if wanted is None or given is None:
        return False
    return (
        wanted.port == given.port
        and len(wanted.parts) == len(given.parts)
        and given.path.startswith(wanted.path)
        and all(_part_fits(want, have) for want, have in zip(wanted.parts, given.parts, strict=True))
    )


def _part_fits(pattern: str, part: str) -> bool:
    # "[::1]" without a port stays in its brackets, and Go's matcher then takes it for a class of characters.
    return "[" not in pattern and fnmatchcase(part, pattern)
