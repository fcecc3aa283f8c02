"""Node selector terms: what a requirement says about one label value, and which requirements are no sense at all.

Owns the meaning of an operator and the errors of a malformed term (upstream: component-helpers
``scheduling/corev1/nodeaffinity`` and apimachinery ``labels.NewRequirement``). It does not know nodes: the plugin
NodeAffinity asks once per distinct value of a label and gathers the answer for all nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scheduler.api.affinity import NodeSelectorRequirement, NodeSelectorTerm

NAME_FIELD = "metadata.name"
"""The only field of a node that ``matchFields`` can see; any other reads as empty."""

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?", re.ASCII)
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_MAX_NAME = 63
_MAX_PREFIX = 253
_MIN_INT64, _MAX_INT64 = -(2**63), 2**63 - 1
_MAX_DIGITS = 19  # of an int64; Python refuses to read far longer numbers at all


class InvalidSelector(ValueError):
    """A term that can be written but not evaluated; the text says where and why, as the API machinery would."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One checked requirement on the label (or field) ``key``."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()
    bound: int = 0
    """The number that Gt and Lt compare with."""

    def matches(self, value: str | None) -> bool:
        """Whether a node whose label has this value satisfies the requirement; None means it lacks the label."""
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case _:
                number = None if value is None else _integer(value)
                if number is None:
                    return False
                return number > self.bound if self.operator == "Gt" else number < self.bound


@dataclass(frozen=True, slots=True)
class Term:
    """Requirements of which all must hold: on labels, and on fields."""

    expressions: tuple[Requirement, ...]
    fields: tuple[Requirement, ...]


def is_empty(term: NodeSelectorTerm) -> bool:
    """An empty term matches no node; upstream drops it before anything else looks at it."""
    return not term.match_expressions and not term.match_fields


def parse_term(term: NodeSelectorTerm, path: str = "") -> Term:
    """Check a term. Raises InvalidSelector; ``path`` begins the position that its text names (``[0]``)."""
    prefix = f"{path}." if path else ""
    return Term(
        tuple(_expression(r, f"{prefix}matchExpressions[{i}]") for i, r in enumerate(term.match_expressions)),
        tuple(_field(r, f"{prefix}matchFields[{i}]") for i, r in enumerate(term.match_fields)),
    )


def parse_terms(terms: Iterable[NodeSelectorTerm]) -> tuple[Term, ...]:
    """The terms that can match at all: empty and malformed ones never do, and upstream swallows their errors."""
    usable = []
    for term in terms:
        if is_empty(term):
            continue
        try:
            usable.append(parse_term(term))
        except InvalidSelector:
            continue
    return tuple(usable)


def _expression(requirement: NodeSelectorRequirement, path: str) -> Requirement:
    key, operator, values = requirement.key, requirement.operator, requirement.values
    problem = key_problem(key)
    if problem:
        raise _invalid(f"{path}.key", f'"{key}"', problem)
    bound = _check_values(operator, values, path)
    for i, value in enumerate(values):
        problem = value_problem(value)
        if problem:
            raise _invalid(f"{path}.values[{i}][{key}]", f'"{value}"', problem)
    return Requirement(key, operator, frozenset(values), bound)


def _check_values(operator: str, values: Sequence[str], path: str) -> int:
    """Checks number and kind of the values; returns what Gt or Lt compare with, else 0."""
    match operator:
        case "In" | "NotIn":
            if not values:
                problem = "for 'in', 'notin' operators, values can't be empty"
                raise InvalidSelector(f"{path}.values: Required value: {problem}")
        case "Exists" | "DoesNotExist":
            if values:
                raise _invalid(
                    f"{path}.values", _go_list(values), "values set must be empty for exists and does not exist"
                )
        case "Gt" | "Lt":
            if len(values) != 1:
                problem = "for 'Gt', 'Lt' operators, exactly one value is required"
                raise _invalid(f"{path}.values", _go_list(values), problem)
            number = _integer(values[0])
            if number is None:
                problem = "for 'Gt', 'Lt' operators, the value must be an integer"
                raise _invalid(f"{path}.values[0]", f'"{values[0]}"', problem)
            return number
        case _:
            raise InvalidSelector(f'{path}.operator: Unsupported value: "{operator}"')
    return 0


def _field(requirement: NodeSelectorRequirement, path: str) -> Requirement:
    if requirement.operator not in {"In", "NotIn"}:
        raise InvalidSelector(f'{path}.operator: Unsupported value: "{requirement.operator}"')
    if len(requirement.values) != 1:
        raise _invalid(f"{path}.values", _go_list(requirement.values), "must have one element")
    return Requirement(requirement.key, requirement.operator, frozenset(requirement.values))


def key_problem(key: str) -> str:
    """Why ``key`` is no label key (apimachinery ``validation.IsQualifiedName``); empty if it is one."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > _MAX_PREFIX or not _DNS_SUBDOMAIN.fullmatch(prefix)):
        return "prefix part must be a lowercase DNS subdomain of at most 253 characters"
    if not name or len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        return (
            "name part must consist of at most 63 alphanumeric characters, '-', '_' or '.',"
            " and must start and end with an alphanumeric character"
        )
    return ""


def value_problem(value: str) -> str:
    """Why ``value`` is no label value (apimachinery ``validation.IsValidLabelValue``); empty if it is one."""
    if value and (len(value) > _MAX_NAME or not _NAME.fullmatch(value)):
        return (
            "a valid label must be an empty string or consist of at most 63 alphanumeric characters, '-', '_' or '.',"
            " and must start and end with an alphanumeric character"
        )
    return ""


def _integer(text: str) -> int | None:
    """Go's ``strconv.ParseInt(text, 10, 64)``: None where that fails."""
    if not _INTEGER.fullmatch(text) or len(text.lstrip("+-0")) > _MAX_DIGITS:
        return None
    number = int(text)
    return number if _MIN_INT64 <= number <= _MAX_INT64 else None


def _invalid(path: str, value: str, problem: str) -> InvalidSelector:
    return InvalidSelector(f"{path}: Invalid value: {value}: {problem}")


def _go_list(values: Sequence[str]) -> str:
    return "[" + ",".join(f'"{value}"' for value in values) + "]"
