"""What pods take, case by case; the recorded answers in tests/cases/oracle hold it against kube-scheduler."""

import pytest

from scheduler.api.quantity import InvalidQuantity
from scheduler.cluster.columns import MAX_AMOUNT
from scheduler.cluster.requests import (
    DEFAULT_CPU,
    DEFAULT_MEMORY,
    PodRequests,
    is_counted,
    pod_requests,
    scoring_requests,
)
from tests.builders import a_container, a_pod

MIB = 1024 * 1024


def taken(pod):
    requests = pod_requests(pod)
    return dict(requests.amounts), requests.nonzero_cpu, requests.nonzero_memory


def test_containers_run_side_by_side_so_their_requests_add_up():
    pod = a_pod(containers=[a_container("a", {"cpu": "250m", "memory": "1Mi"}), a_container("b", {"cpu": "1"})])
    assert taken(pod) == ({"cpu": 1250, "memory": MIB}, 1250, MIB + DEFAULT_MEMORY)


def test_init_containers_run_one_by_one_so_the_greatest_counts():
    pod = a_pod(
        requests={"cpu": "1"},
        spec={"initContainers": [a_container("i", {"cpu": "3"}), a_container("j", {"cpu": "2", "memory": "5Mi"})]},
    )
    assert taken(pod)[0] == {"cpu": 3000, "memory": 5 * MIB}


def test_a_sidecar_runs_beside_the_containers_and_beside_later_init_containers():
    init = [
        a_container("early", {"cpu": "5"}),
        a_container("sidecar", {"cpu": "2"}, sidecar=True),
        a_container("late", {"cpu": "4"}),
    ]
    assert taken(a_pod(requests={"cpu": "1"}, spec={"initContainers": init}))[0] == {"cpu": 6000}
    assert taken(a_pod(requests={"cpu": "7"}, spec={"initContainers": init}))[0] == {"cpu": 9000}


def test_overhead_is_added_on_top():
    pod = a_pod(requests={"cpu": "1"}, spec={"overhead": {"cpu": "250m", "memory": "10Mi"}})
    assert taken(pod) == ({"cpu": 1250, "memory": 10 * MIB}, 1250, 10 * MIB + DEFAULT_MEMORY)


def test_a_container_that_asks_for_nothing_counts_with_a_default_when_nodes_are_compared():
    assert taken(a_pod()) == ({}, DEFAULT_CPU, DEFAULT_MEMORY)


def test_an_explicit_zero_stays_zero():
    assert taken(a_pod(requests={"cpu": "0", "memory": "0"})) == ({}, 0, 0)


def test_pod_level_requests_replace_what_they_name():
    pod = a_pod(
        containers=[a_container("a", {"cpu": "1", "memory": "1Mi", "example.com/gpu": "1"}), a_container("b")],
        spec={"resources": {"requests": {"cpu": "3", "example.com/gpu": "9"}}},
    )
    assert taken(pod) == ({"cpu": 3000, "memory": MIB, "example.com/gpu": 1}, 3000, MIB)


def test_pod_level_requests_leave_a_default_only_for_what_the_whole_pod_lacks():
    pod = a_pod(containers=[a_container("a"), a_container("b")], spec={"resources": {"requests": {"memory": "1Mi"}}})
    assert taken(pod) == ({"memory": MIB}, 2 * DEFAULT_CPU, MIB)


def test_pod_level_requests_without_a_supported_resource_change_nothing():
    pod = a_pod(requests={"cpu": "1"}, spec={"resources": {"requests": {"ephemeral-storage": "1Gi"}}})
    assert taken(pod) == ({"cpu": 1000}, 1000, DEFAULT_MEMORY)


def test_the_scoring_request_ignores_the_pod_level():
    pod = a_pod(requests={"cpu": "1"}, spec={"resources": {"requests": {"cpu": "3"}}, "overhead": {"memory": "1Mi"}})
    assert scoring_requests(pod) == {"cpu": 1000, "memory": DEFAULT_MEMORY + MIB}


def test_fractions_are_summed_before_they_are_rounded_up():
    pod = a_pod(containers=[a_container(name, {"memory": "500m"}) for name in ("a", "b", "c")])
    assert taken(pod)[0] == {"memory": 2}


def test_no_amount_exceeds_what_the_columns_can_count():
    assert taken(a_pod(requests={"memory": "8Ei", "cpu": "9E"}))[0] == {"cpu": MAX_AMOUNT, "memory": MAX_AMOUNT}


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("cpu", True),
        ("memory", True),
        ("ephemeral-storage", True),
        ("hugepages-2Mi", True),
        ("attachable-volumes-csi-x", True),
        ("example.com/gpu", True),
        ("kubernetes.io/batch-cpu", True),
        ("pods", False),
        ("storage", False),
        ("requests.example.com/gpu", False),
    ],
)
def test_only_resources_that_a_scheduler_counts_are_counted(name, counted):
    assert is_counted(name) is counted


def test_a_quantity_that_is_none_is_an_error_that_quotes_it():
    with pytest.raises(InvalidQuantity, match="'lots'"):
        pod_requests(a_pod(requests={"cpu": "lots"}))


def test_requests_are_values():
    one, other = PodRequests({"cpu": 1, "memory": 0}, 1, 2), PodRequests({"cpu": 1}, 1, 2)
    assert one == other
    assert hash(one) == hash(other)
    assert one != PodRequests({"cpu": 1}, 1, 3)
    assert "cpu" in repr(one)


# In-place resize


def resizing(spec, status, *, infeasible=False, pod_level=None):
    """A pod with one container whose spec and status differ."""
    condition = [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}] if infeasible else []
    return a_pod(
        requests=spec,
        spec={"resources": {"requests": pod_level}} if pod_level else {},
        status={"conditions": condition, **status},
    )


def container_status(allocated=None, actuated=None):
    status = {"name": "main"}
    if allocated is not None:
        status["allocatedResources"] = allocated
    if actuated is not None:
        status["resources"] = {"requests": actuated}
    return {"containerStatuses": [status]}


RESIZES = {
    "what is asked for counts when it is the most": (
        resizing({"cpu": "4"}, container_status({"cpu": "2"}, {"cpu": "1"})),
        {"cpu": 4000},
    ),
    "what is allocated counts when it is the most": (
        resizing({"cpu": "1"}, container_status({"cpu": "3"}, {"cpu": "2"})),
        {"cpu": 3000},
    ),
    "what is in use counts when it is the most": (
        resizing({"cpu": "1"}, container_status({"cpu": "1"}, {"cpu": "5"})),
        {"cpu": 5000},
    ),
    "without a statement of what is in use, what is allocated stands in": (
        resizing({"cpu": "1"}, container_status({"cpu": "2"})),
        {"cpu": 2000},
    ),
    "what the kubelet refused does not count": (
        resizing({"cpu": "9"}, container_status({"cpu": "2"}, {"cpu": "1"}), infeasible=True),
        {"cpu": 2000},
    ),
    "what the kubelet refused does not stand in for a missing status either": (
        resizing({"cpu": "9"}, {}, infeasible=True),
        {},
    ),
    "statements about the whole pod take the place of those about containers": (
        resizing(
            {"cpu": "1"},
            {
                **container_status({"cpu": "7"}, {"cpu": "8"}),
                "allocatedResources": {"cpu": "2"},
                "resources": {"requests": {"cpu": "3"}},
            },
        ),
        {"cpu": 3000},
    ),
    "of pod-level requests the greatest of asked, allocated and in use counts": (
        resizing(
            {"cpu": "1"},
            {"allocatedResources": {"cpu": "5"}, "resources": {"requests": {"cpu": "3"}}},
            pod_level={"cpu": "4"},
        ),
        {"cpu": 5000},
    ),
    "what the kubelet refused does not count beside statements about the whole pod": (
        resizing(
            {"cpu": "9"}, {"allocatedResources": {"cpu": "2"}, "resources": {"requests": {"cpu": "3"}}}, infeasible=True
        ),
        {"cpu": 3000},
    ),
    "of pod-level requests a refused one does not count": (
        resizing(
            {"cpu": "1"},
            {"allocatedResources": {"cpu": "2"}, "resources": {"requests": {"cpu": "3"}}},
            pod_level={"cpu": "9"},
            infeasible=True,
        ),
        {"cpu": 3000},
    ),
}


@pytest.mark.parametrize("case", RESIZES)
def test_while_a_pod_is_resized(case):
    pod, amounts = RESIZES[case]
    assert taken(pod)[0] == amounts
