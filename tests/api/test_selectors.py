"""What node selector requirements say about label values, and which terms are refused."""

import pytest

from scheduler.api.affinity import NodeSelectorRequirement, NodeSelectorTerm
from scheduler.api.selectors import InvalidSelector, is_empty, key_problem, parse_term, parse_terms, value_problem

VALUES = [None, "", "a", "b", "5", "05", "+5", "10", "x5"]

MATCHES = [
    ("In", ["a", "5"], ["a", "5"]),
    ("NotIn", ["a", "5"], [None, "", "b", "05", "+5", "10", "x5"]),
    ("Exists", [], ["", "a", "b", "5", "05", "+5", "10", "x5"]),
    ("DoesNotExist", [], [None]),
    ("Gt", ["5"], ["10"]),
    ("Lt", ["6"], ["5", "05", "+5"]),
]


def term(*expressions, fields=()):
    return NodeSelectorTerm(
        match_expressions=[NodeSelectorRequirement(key=k, operator=o, values=v) for k, o, v in expressions],
        match_fields=[NodeSelectorRequirement(key=k, operator=o, values=v) for k, o, v in fields],
    )


@pytest.mark.parametrize(("operator", "listed", "matching"), MATCHES)
def test_an_operator_matches_exactly_these_values(operator, listed, matching):
    (requirement,) = parse_term(term(("key", operator, listed))).expressions
    assert [value for value in VALUES if requirement.matches(value)] == matching


def test_numbers_beyond_64_bits_match_nothing():
    (requirement,) = parse_term(term(("key", "Gt", ["0"]))).expressions
    assert requirement.matches(str(2**63 - 1))
    assert not requirement.matches(str(2**63))
    assert not requirement.matches("9" * 5000)


REFUSED = [
    (("key", "In", []), "[0].matchExpressions[0].values: Required value"),
    (("key", "Exists", ["a"]), '[0].matchExpressions[0].values: Invalid value: ["a"]'),
    (("key", "Gt", ["1", "2"]), "[0].matchExpressions[0].values: Invalid value: [\"1\",\"2\"]: for 'Gt', 'Lt'"),
    (("key", "Lt", ["abc"]), "[0].matchExpressions[0].values[0]: Invalid value: \"abc\": for 'Gt', 'Lt' operators"),
    (("key", "Gt", ["-1"]), '[0].matchExpressions[0].values[0][key]: Invalid value: "-1"'),
    (("key", "Near", ["a"]), '[0].matchExpressions[0].operator: Unsupported value: "Near"'),
    (("ke y", "Exists", []), '[0].matchExpressions[0].key: Invalid value: "ke y"'),
    (("key", "In", ["a", "b c"]), '[0].matchExpressions[0].values[1][key]: Invalid value: "b c"'),
]


@pytest.mark.parametrize(("requirement", "text"), REFUSED)
def test_a_malformed_expression_is_refused_with_its_position(requirement, text):
    with pytest.raises(InvalidSelector) as refusal:
        parse_term(term(requirement), "[0]")
    assert str(refusal.value).startswith(text)


def test_all_that_is_wrong_with_a_term_is_told_each_once():
    bad = term(("key", "Gt", ["a", "b c"]), ("key", "Near", []), fields=[("metadata.name", "Exists", [])])
    with pytest.raises(InvalidSelector) as refusal:
        parse_term(bad, "[1]")
    assert [problem.partition(": ")[0] for problem in refusal.value.problems] == [
        "[1].matchExpressions[0].values",
        "[1].matchExpressions[0].values[0]",
        "[1].matchExpressions[0].values[1]",
        "[1].matchExpressions[0].values[1][key]",
        "[1].matchExpressions[1].operator",
        "[1].matchFields[0].operator",
    ]
    assert str(refusal.value) == f"[{', '.join(refusal.value.problems)}]"
    assert InvalidSelector("same", "same").args == ("same",)


@pytest.mark.parametrize(
    "field", [("metadata.name", "Exists", []), ("metadata.name", "In", []), ("metadata.name", "NotIn", ["a", "b"])]
)
def test_a_field_takes_in_or_not_in_with_exactly_one_value(field):
    with pytest.raises(InvalidSelector, match=r"matchFields\[0\]"):
        parse_term(term(fields=[field]))


def test_terms_that_can_never_match_are_dropped():
    good = term(("key", "Exists", []))
    assert parse_terms([term(), term(("key", "Gt", ["abc"])), good]) == (parse_term(good),)
    assert is_empty(term())
    assert not is_empty(good)


@pytest.mark.parametrize("key", ["a", "a.b_c-d", "example.com/name", "x-y.example.com/Name_1", "A" * 63])
def test_these_are_label_keys(key):
    assert key_problem(key) == ""


@pytest.mark.parametrize("key", ["", "-a", "a-", "a b", "/name", "a/b/c", "Example.com/name", "A" * 64, "a/", "é"])
def test_these_are_no_label_keys(key):
    assert key_problem(key)


@pytest.mark.parametrize(
    ("value", "good"), [("", True), ("a.b", True), ("-a", False), ("a" * 64, False), ("a b", False)]
)
def test_label_values_are_checked(value, good):
    assert (value_problem(value) == "") is good
