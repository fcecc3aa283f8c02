"""Resources that no node offers take room only while pods with them are there, and count once one is offered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scheduler.cluster.requests import PodRequests
from scheduler.cluster.resources import PODS_COLUMN, ResourceColumns

ROWS = 3
NAMES = ("cpu", "example.com/gpu", "example.com/fpga")


def test_names_that_pods_make_up_get_no_column_and_go_with_the_pods() -> None:
    resources = ResourceColumns(ROWS)
    width = resources.width
    made_up = [PodRequests({f"made.up/{number}": 2}, 0, 0) for number in range(100)]
    for pod in made_up:
        resources.add(1, pod)
    assert (resources.width, len(resources.unoffered)) == (width, 100)
    assert resources.unoffered["made.up/7"] == {1: 2}
    assert resources.requested[PODS_COLUMN].tolist() == [0, 100, 0]
    for pod in made_up:
        resources.remove(1, pod)
    assert resources.unoffered == {}
    assert resources.requested[PODS_COLUMN].tolist() == [0, 0, 0]


def test_what_was_taken_before_anybody_offered_it_counts_then() -> None:
    resources = ResourceColumns(ROWS)
    pods = [PodRequests({"example.com/gpu": amount}, 0, 0) for amount in (1, 2)]
    for pod in pods:
        resources.add(0, pod)
    resources.set_allocatable(2, {"example.com/gpu": "8"})
    column = resources.column("example.com/gpu")
    assert column is not None
    assert resources.unoffered == {}
    assert resources.requested[column].tolist() == resources.scored[column].tolist() == [3, 0, 0]
    resources.remove(0, pods[0])
    assert resources.requested[column].tolist() == [2, 0, 0]


def test_a_row_that_is_given_back_takes_nothing() -> None:
    resources = ResourceColumns(ROWS)
    resources.add(0, PodRequests({"example.com/gpu": 1}, 0, 0))
    resources.add(1, PodRequests({"example.com/gpu": 5}, 0, 0))
    resources.clear(0)
    assert resources.unoffered == {"example.com/gpu": {1: 5}}


@given(st.lists(st.tuples(st.sampled_from(["add", "remove", "offer", "clear"]), st.integers(0, 7)), max_size=40))
def test_whatever_comes_in_whatever_order_all_is_counted(steps: list[tuple[str, int]]) -> None:
    resources = ResourceColumns(ROWS)
    placed: list[tuple[int, PodRequests]] = []
    for step, number in steps:
        row, name = number % ROWS, NAMES[number % len(NAMES)]
        if step == "add":
            placed.append((row, PodRequests({"cpu": number + 1, name: number + 1}, 0, 0)))
            resources.add(*placed[-1])
        elif step == "remove" and placed:
            resources.remove(*placed.pop(number % len(placed)))
        elif step == "offer":
            resources.set_allocatable(row, {name: "9"})
        elif step == "clear":
            placed = [(other, pod) for other, pod in placed if other != row]
            resources.clear(row)
        for each in NAMES:
            assert taken(resources, each) == [
                sum(dict(pod.amounts).get(each, 0) for other, pod in placed if other == row) for row in range(ROWS)
            ]


def taken(resources: ResourceColumns, name: str) -> list[int]:
    column = resources.column(name)
    if column is None:
        return [resources.unoffered.get(name, {}).get(row, 0) for row in range(ROWS)]
    assert name not in resources.unoffered
    counted: list[int] = resources.requested[column].tolist()
    return counted
