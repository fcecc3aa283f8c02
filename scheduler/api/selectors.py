"""Selectors as requirements: of node selector terms and label selectors, which make sense and which do not.

Owns the errors of what is malformed (upstream: component-helpers ``scheduling/corev1/nodeaffinity``, apimachinery
``labels.NewRequirement`` and ``LabelSelectorAsSelector``). It knows neither nodes nor pods: ``cluster`` asks once per
distinct value of a label, or per distinct set of labels, and gathers the answer for all that have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scheduler.api.affinity import NodeSelectorRequirement, NodeSelectorTerm
from scheduler.api.label_selector import LabelSelector, LabelSelectorRequirement
from scheduler.api.requirement import Requirement, integer

NAME_FIELD = "metadata.name"
"""The only field of a node that ``matchFields`` can see; any other reads as empty."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?", re.ASCII)
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_MAX_NAME = 63
_MAX_PREFIX = 253


class InvalidSelector(ValueError):
    """A term that can be written but not evaluated; the text says where and why, as the API machinery would."""


@dataclass(frozen=True, slots=True)
class Term:
    """Requirements of which all must hold: on labels, and on fields."""

    expressions: tuple[Requirement, ...]
    fields: tuple[Requirement, ...]


def parse_label_selector(selector: LabelSelector) -> tuple[Requirement, ...]:
    """All that must hold; nothing for an empty selector, which selects everything. Raises InvalidSelector."""
    exact = [LabelSelectorRequirement(key, "In", [value]) for key, value in sorted(selector.match_labels.items())]
    for requirement in selector.match_expressions:
        if requirement.operator not in {"In", "NotIn", "Exists", "DoesNotExist"}:
            raise InvalidSelector(f'"{requirement.operator}" is not a valid label selector operator')
    return tuple(_expression(requirement, "") for requirement in (*exact, *selector.match_expressions))


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


def _expression(requirement: NodeSelectorRequirement | LabelSelectorRequirement, path: str) -> Requirement:
    key, operator, values = requirement.key, requirement.operator, requirement.values
    prefix = f"{path}." if path else ""
    problem = key_problem(key)
    if problem:
        raise _invalid(f"{prefix}key", f'"{key}"', problem)
    bound = _check_values(operator, values, prefix)
    for i, value in enumerate(values):
        problem = value_problem(value)
        if problem:
            raise _invalid(f"{prefix}values[{i}][{key}]", f'"{value}"', problem)
    return Requirement(key, operator, frozenset(values), bound)


def _check_values(operator: str, values: Sequence[str], prefix: str) -> int:
    """Checks number and kind of the values; returns what Gt or Lt compare with, else 0."""
    match operator:
        case "In" | "NotIn":
            if not values:
                problem = "for 'in', 'notin' operators, values can't be empty"
                raise InvalidSelector(f"{prefix}values: Required value: {problem}")
        case "Exists" | "DoesNotExist":
            if values:
                raise _invalid(
                    f"{prefix}values", _go_list(values), "values set must be empty for exists and does not exist"
                )
        case "Gt" | "Lt":
            if len(values) != 1:
                problem = "for 'Gt', 'Lt' operators, exactly one value is required"
                raise _invalid(f"{prefix}values", _go_list(values), problem)
            number = integer(values[0])
            if number is None:
                problem = "for 'Gt', 'Lt' operators, the value must be an integer"
                raise _invalid(f"{prefix}values[0]", f'"{values[0]}"', problem)
            return number
        case _:
            raise InvalidSelector(f'{prefix}operator: Unsupported value: "{operator}"')
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


def _invalid(path: str, value: str, problem: str) -> InvalidSelector:
    return InvalidSelector(f"{path}: Invalid value: {value}: {problem}")


def _go_list(values: Sequence[str]) -> str:
    return "[" + ",".join(f'"{value}"' for value in values) + "]"
