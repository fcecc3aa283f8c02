"""Pods that ask for what cannot be decided yet wait, with a sentence that names the field."""

import pytest

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.plugins.catalogue import default_profile
from tests.builders import a_node, a_pod


def decide(spec):
    cache = Cache()
    cache.add_node(a_node())
    info = make_pod_info(a_pod(spec=spec), (), cache.classes)
    return SchedulingCycle(cache, default_profile("test")).decide(info)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (
            {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]},
            "spec.volumes[].persistentVolumeClaim",
        ),
        ({"volumes": [{"name": "v", "ephemeral": {}}]}, "spec.volumes[].ephemeral"),
        ({"volumes": [{"name": "v", "gcePersistentDisk": {"pdName": "d"}}]}, "spec.volumes[].gcePersistentDisk"),
        ({"volumes": [{"name": "v", "awsElasticBlockStore": {}}]}, "spec.volumes[].awsElasticBlockStore"),
        ({"volumes": [{"name": "v", "iscsi": {}}]}, "spec.volumes[].iscsi"),
        ({"volumes": [{"name": "v", "rbd": {}}]}, "spec.volumes[].rbd"),
    ],
)
def test_a_field_that_is_not_decided_keeps_the_pod_waiting(spec, field):
    decision = decide(spec)
    assert decision.fit_error.message == (
        f"0/1 nodes are available: the pod uses {field}, which multiarch-scheduler cannot take into account yet."
    )
    assert decision.fit_error.rejecting_plugins == {"UnsupportedFields"}


def test_several_fields_are_named_once_each():
    claim = {"persistentVolumeClaim": {"claimName": "c"}}
    disk = {"gcePersistentDisk": {"pdName": "d"}}
    decision = decide({"volumes": [{"name": "a", **claim}, {"name": "b", **claim}, {"name": "c", **disk}]})
    fields = "spec.volumes[].persistentVolumeClaim, spec.volumes[].gcePersistentDisk"
    assert f"uses {fields}, which" in decision.fit_error.message


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {
            "volumes": [
                {"name": "a", "emptyDir": {}},
                {"name": "b", "configMap": {"name": "c"}},
                {"name": "c", "projected": {}},
            ]
        },
    ],
)
def test_what_binds_a_pod_to_no_node_is_no_trouble(spec):
    assert isinstance(decide(spec), Placed)
