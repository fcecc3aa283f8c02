"""`WWW-Authenticate` headers -> challenges (RFC 9110, section 11.6.1).

Owns the grammar only: several challenges in one header or in several headers, schemes and parameter names without
regard to case, values quoted or not. Which challenge is answered, and how, is `tokens`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = re.compile(rf'\s*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)', re.ASCII)
_SCHEME = re.compile(rf"[\s,]*({_WORD})(?:\s+|,|$)", re.ASCII)
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to identify oneself: ``scheme`` and the names of ``parameters`` are in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """All challenges in their order. What cannot be read ends its header; nothing is raised."""
    challenges: list[Challenge] = []
    for header in headers:
        position = 0
        while (scheme := _SCHEME.match(header, position)) is not None:
            parameters: dict[str, str] = {}
            position = scheme.end()
            while (parameter := _PARAMETER.match(header, position)) is not None:
                name, quoted, plain = parameter.groups()
                parameters.setdefault(name.lower(), plain if quoted is None else _ESCAPED.sub(r"\1", quoted))
                position = parameter.end()
            challenges.append(Challenge(scheme[1].lower(), parameters))
    return challenges
