"""What becomes of unbound claims on a node: the smallest volume that suits, or one that can be made there."""

import pytest

from scheduler.cluster.volumes.matching import Matching, Outcome
from scheduler.cluster.volumes.storage import StorageObjects
from tests.storage_builders import a_capacity, a_claim, a_csi_driver, a_storage_class, a_volume

LOCAL = a_storage_class("local", provisioner="kubernetes.io/no-provisioner")
HERE, THERE = {"zone": "here"}, {"zone": "there"}


def found(claims, *things, labels=HERE, selected=()):
    storage = StorageObjects()
    for thing in (a_storage_class(), LOCAL, *things):
        kind = type(thing).__name__
        put = {
            "PersistentVolume": storage.put_volume,
            "StorageClass": storage.put_class,
            "CSIDriver": storage.put_driver,
            "CSIStorageCapacity": storage.put_capacity,
        }[kind]
        put(thing)
    return Matching(claims, selected, storage).on(labels)


def chosen(claims, *volumes, labels=HERE):
    answer = found(claims, *volumes, labels=labels)
    return answer.outcome, {claim.metadata.name: volume.name for claim, volume in answer.static}


def a_local(name, size="1Gi", **more):
    return a_volume(name, storage_class="local", size=size, **more)


CLAIM = a_claim("data", storage_class="local", size="2Gi")


def test_the_smallest_volume_that_is_large_enough_is_taken():
    sizes = [a_local("small", "1Gi"), a_local("large", "9Gi"), a_local("medium", "3Gi")]
    assert chosen([CLAIM], *sizes) == (Outcome.FOUND, {"data": "medium"})


def test_two_claims_get_two_volumes_the_smaller_claim_the_smaller_one():
    claims = [a_claim("big", storage_class="local", size="2Gi"), a_claim("little", storage_class="local", size="1Gi")]
    volumes = [a_local("five", "5Gi"), a_local("four", "4Gi")]
    assert chosen(claims, *volumes) == (Outcome.FOUND, {"little": "four", "big": "five"})
    assert chosen(claims, volumes[0]) == (Outcome.NO_VOLUME, {})


@pytest.mark.parametrize(
    "flaw",
    [
        {"phase": "Released"},
        {"zones": ["there"]},
        {"claim": "other"},
        {"modes": ["ReadOnlyMany"]},
        {"spec": {"volumeMode": "Block"}},
        {"spec": {"volumeAttributesClassName": "gold"}},
        {"size": "1Gi"},
    ],
)
def test_a_volume_with_a_flaw_is_left_alone(flaw):
    assert chosen([CLAIM], a_local("flawed", **{"size": "5Gi", **flaw})) == (Outcome.NO_VOLUME, {})


def test_a_volume_that_is_meant_for_the_claim_goes_before_a_smaller_one_and_must_be_reached():
    mine, smaller = a_local("mine", "9Gi", claim="data", phase="Pending"), a_local("smaller", "3Gi")
    assert chosen([CLAIM], mine, smaller) == (Outcome.FOUND, {"data": "mine"})
    elsewhere = a_local("mine", "9Gi", claim="data", zones=["there"])
    assert chosen([CLAIM], elsewhere, smaller) == (Outcome.NO_VOLUME, {})


def test_a_claim_may_select_volumes_by_their_labels():
    picky = a_claim("data", storage_class="local", spec={"selector": {"matchLabels": {"disk": "ssd"}}})
    volumes = [a_local("slow", labels={"disk": "hdd"}), a_local("fast", "5Gi", labels={"disk": "ssd"})]
    assert chosen([picky], *volumes) == (Outcome.FOUND, {"data": "fast"})


def test_a_volume_is_made_where_there_is_none_if_the_class_does_that_here():
    claim = a_claim("data")
    assert [d.claim for d in found([claim]).dynamic] == [claim]
    assert found([claim], a_storage_class(zones=["there"])).outcome is Outcome.NO_VOLUME
    assert found([claim], a_storage_class(zones=["there"]), labels=THERE).outcome is Outcome.FOUND
    assert found([claim], a_storage_class(provisioner="")).outcome is Outcome.NO_VOLUME


@pytest.mark.parametrize(
    ("capacities", "outcome"),
    [
        ([], Outcome.NO_SPACE),
        ([a_capacity(capacity="9Gi")], Outcome.FOUND),
        ([a_capacity(capacity="512Mi")], Outcome.NO_SPACE),
        ([a_capacity(capacity="9Gi", largest="512Mi")], Outcome.NO_SPACE),
        ([a_capacity(capacity=None, largest="9Gi")], Outcome.FOUND),
        ([a_capacity(capacity=None)], Outcome.NO_SPACE),
        ([a_capacity(capacity="9Gi", zone="there")], Outcome.NO_SPACE),
        ([a_capacity(capacity="9Gi", nowhere=True)], Outcome.NO_SPACE),
        ([a_capacity(capacity="9Gi", storage_class="local")], Outcome.NO_SPACE),
        ([a_capacity("a", capacity="1Mi"), a_capacity("b", capacity="9Gi", zone="here")], Outcome.FOUND),
    ],
)
def test_a_driver_that_tells_its_capacity_must_have_enough_of_it(capacities, outcome):
    answer = found([a_claim("data")], a_csi_driver(capacity=True), *capacities)
    assert answer.outcome is outcome
    assert found([a_claim("data")], a_csi_driver(), *capacities).outcome is Outcome.FOUND


def test_the_labels_that_make_a_difference_are_those_that_something_asks_for():
    storage = StorageObjects()
    storage.put_class(a_storage_class(zones=["here"]))
    storage.put_volume(
        a_volume(
            spec={
                "nodeAffinity": {
                    "required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]}
                }
            }
        )
    )
    assert Matching([a_claim("data")], (), storage).label_keys() == {"zone", "disk"}
