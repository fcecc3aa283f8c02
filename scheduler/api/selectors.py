"""Selectors as requirements: of node selector terms and label selectors, which make sense and which do not.

Owns the errors of what is malformed (upstream: component-helpers ``scheduling/corev1/nodeaffinity``, apimachinery
``labels.NewRequirement`` and ``LabelSelectorAsSelector``). It knows neither nodes nor pods: ``cluster`` asks once per
distinct value of a label, or per distinct set of labels, and gathers the answer for all that have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
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
    """A term that can be written but not evaluated; the text says where and why, as the API machinery would.

    ``problems``: everything that is wrong, each for itself. Several are listed in brackets, each once.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        text = ", ".join(self.problems)
        super().__init__(text if len(self.problems) == 1 else f"[{text}]")


@dataclass(frozen=True, slots=True)
class Term:
    """Requirements of which all must hold: on labels, and on fields."""

    expressions: tuple[Requirement, ...]
    fields: tuple[Requirement, ...]


def parse_label_selector(selector: LabelSelector) -> tuple[Requirement, ...]:
    """All that must hold; nothing for an empty selector, which selects everything. Raises InvalidSelector."""
    exact = [LabelSelectorRequirement(key, "In", [value]) for key, value in sorted(selector.match_labels.items())]
    parsed = []
    for requirement in selector.match_expressions:
        if requirement.operator not in {"In", "NotIn", "Exists", "DoesNotExist"}:
            raise InvalidSelector(f'"{requirement.operator}" is not a valid label selector operator')
    for requirement in (*exact, *selector.match_expressions):
        problems: list[str] = []
        parsed.append(_read(requirement, "", problems))
        if problems:
            raise InvalidSelector(*problems)
    return tuple(parsed)


def is_empty(term: NodeSelectorTerm) -> bool:
    """An empty term matches no node; upstream drops it before anything else looks at it."""
    return not term.match_expressions and not term.match_fields


def parse_term(term: NodeSelectorTerm, path: str = "") -> Term:
    """Check a term. Raises InvalidSelector; ``path`` begins the position that its text names (``[0]``)."""
    prefix = f"{path}." if path else ""
    problems: list[str] = []
    parsed = Term(
        tuple(_read(r, f"{prefix}matchExpressions[{i}]", problems) for i, r in enumerate(term.match_expressions)),
        tuple(_read_field(r, f"{prefix}matchFields[{i}]", problems) for i, r in enumerate(term.match_fields)),
    )
    if problems:
        raise InvalidSelector(*problems)
    return parsed


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


def _read(
    requirement: NodeSelectorRequirement | LabelSelectorRequirement, path: str, problems: list[str]
) -> Requirement:
    """One requirement on labels; what is wrong with it is added to the problems, and then it must not be used."""
    key, operator, values = requirement.key, requirement.operator, requirement.values
    prefix = f"{path}." if path else ""
    if operator not in _OPERATORS:
        problems.append(f'{prefix}operator: Unsupported value: "{operator}"')
        return Requirement(key, operator)
    problem = key_problem(key)
    if problem:
        problems.append(_invalid(f"{prefix}key", f'"{key}"', problem))
    problems.extend(_number_of_values(operator, values, prefix))
    bound = 0
    for i, value in enumerate(values):
        number = integer(value)
        if operator in _COMPARISONS and number is None:
            problem = "for 'Gt', 'Lt' operators, the value must be an integer"
            problems.append(_invalid(f"{prefix}values[{i}]", f'"{value}"', problem))
        bound = number or 0 if operator in _COMPARISONS else 0
    for i, value in enumerate(values):
        problem = value_problem(value)
        if problem:
            problems.append(_invalid(f"{prefix}values[{i}][{key}]", f'"{value}"', problem))
    return Requirement(key, operator, frozenset(values), bound)


_COMPARISONS = frozenset({"Gt", "Lt"})
_OPERATORS = frozenset({"In", "NotIn", "Exists", "DoesNotExist"}) | _COMPARISONS


def _number_of_values(operator: str, values: Sequence[str], prefix: str) -> Iterator[str]:
    if operator in {"In", "NotIn"} and not values:
        yield f"{prefix}values: Required value: for 'in', 'notin' operators, values can't be empty"
    if operator in {"Exists", "DoesNotExist"} and values:
        problem = "values set must be empty for exists and does not exist"
        yield _invalid(f"{prefix}values", _go_list(values), problem)
    if operator in _COMPARISONS and len(values) != 1:
        yield _invalid(f"{prefix}values", _go_list(values), "for 'Gt', 'Lt' operators, exactly one value is required")


def _read_field(requirement: NodeSelectorRequirement, path: str, problems: list[str]) -> Requirement:
    if requirement.operator not in {"In", "NotIn"}:
        problems.append(f'{path}.operator: Unsupported value: "{requirement.operator}"')
    elif len(requirement.values) != 1:
        problems.append(_invalid(f"{path}.values", _go_list(requirement.values), "must have one element"))
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


def _invalid(path: str, value: str, problem: str) -> str:
    return f"{path}: Invalid value: {value}: {problem}"


def _go_list(values: Sequence[str]) -> str:
    return "[" + ",".join(f'"{value}"' for value in values) + "]"
