"""Label selectors and field selectors as query strings carry them, and the selection that a list or a watch asks for.

The grammar is apimachinery's (``pkg/labels/selector.go``, ``pkg/fields/selector.go``). Selectors inside objects
(a node affinity, a Service) are not read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from scheduler.sandbox.apiserver.documents import Document, Path
from scheduler.sandbox.apiserver.resources import Resource
from scheduler.sandbox.apiserver.statuses import bad_request

_LABEL = re.compile(
    r"""\s*(?:
        (?P<absent>!)\s*(?P<absent_key>[^\s,=!<>()]+)
      | (?P<key>[^\s,=!<>()]+)\s*
        (?: (?P<set>in|notin)\s*\((?P<values>[^()]*)\)
          | (?P<operator>==|=|!=|<|>)\s*(?P<value>[^\s,=!<>()]*)
        )?
    )\s*(?:,|$)""",
    re.VERBOSE,
)
_FIELD_TERM = re.compile(r"((?:[^\\,]|\\.)*)(?:,|$)")
_FIELD_PARTS = re.compile(r"((?:[^\\=!]|\\.|!(?!=))*)(==|!=|=)((?:[^\\]|\\.)*)")


class Requirement(msgspec.Struct, frozen=True):
    """One term of a label selector. ``operator``: exists, absent, in, notin, < or >."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "exists":
                return value is not None
            case "absent":
                return value is None
            case "in":
                return value in self.values
            case "notin":
                return value not in self.values
            case _:
                return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        """Only integers compare; any other value of the label does not match."""
        if value is None or re.fullmatch(r"-?\d+", value) is None:
            return False
        bound = int(next(iter(self.values)))
        return int(value) > bound if self.operator == ">" else int(value) < bound


class FieldRequirement(msgspec.Struct, frozen=True):
    path: Path
    equal: bool
    value: str

    def matches(self, document: Document) -> bool:
        return (self.path.read(document) == self.value) is self.equal


class Selection(msgspec.Struct, frozen=True):
    """Which objects of a resource a request is about."""

    namespace: str = ""
    labels: tuple[Requirement, ...] = ()
    fields: tuple[FieldRequirement, ...] = ()

    @property
    def filtered(self) -> bool:
        """Do selectors narrow it? Then a list cannot say how many items remain."""
        return bool(self.labels or self.fields)

    def matches(self, document: Document) -> bool:
        metadata = document["metadata"]
        if self.namespace and metadata.get("namespace") != self.namespace:
            return False
        if self.labels:
            labels = metadata.get("labels") or {}
            if not all(requirement.matches(labels) for requirement in self.labels):
                return False
        return all(requirement.matches(document) for requirement in self.fields)


def parse_label_selector(text: str) -> tuple[Requirement, ...]:
    """Raises StatusError (400) when the text is no label selector."""
    requirements: list[Requirement] = []
    position = 0
    while position < len(text):
        term = _LABEL.match(text, position)
        if term is None or term.end() == position:
            raise bad_request(f'unable to parse requirement: "{text}" is not a label selector')
        requirements.append(_requirement(term))
        position = term.end()
    return tuple(requirements)


def _requirement(term: re.Match[str]) -> Requirement:
    if term["absent"]:
        return Requirement(term["absent_key"], "absent")
    if term["set"]:
        return Requirement(term["key"], term["set"], frozenset(value.strip() for value in term["values"].split(",")))
    match term["operator"]:
        case None:
            return Requirement(term["key"], "exists")
        case "=" | "==":
            return Requirement(term["key"], "in", frozenset([term["value"]]))
        case "!=":
            return Requirement(term["key"], "notin", frozenset([term["value"]]))
        case operator:
            if re.fullmatch(r"-?\d+", term["value"]) is None:
                raise bad_request(f"unable to parse requirement: for {operator!r} the value must be an integer")
            return Requirement(term["key"], operator, frozenset([term["value"]]))


def parse_field_selector(text: str, resource: Resource) -> tuple[FieldRequirement, ...]:
    """Raises StatusError (400) when the text is no field selector, or names a field that is not selectable."""
    terms = [term for term in _FIELD_TERM.findall(text) if term]
    return tuple(_field_requirement(term, text, resource) for term in terms)


def _field_requirement(term: str, text: str, resource: Resource) -> FieldRequirement:
    parts = _FIELD_PARTS.fullmatch(term)
    if parts is None:
        raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
    field, operator, value = parts.groups()
    path = resource.selectable.get(field)
    if path is None:
        raise bad_request(f"field label not supported: {field}")
    return FieldRequirement(path, operator != "!=", re.sub(r"\\(.)", r"\1", value))
