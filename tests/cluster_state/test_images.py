"""Which nodes have which image, and of what size."""

from scheduler.api.node import ContainerImage
from scheduler.cluster.images import ImageStates


def image(*names, size=100):
    return ContainerImage(names=list(names), size_bytes=size)


def test_every_name_of_an_image_leads_to_the_nodes_that_have_it():
    states = ImageStates()
    states.put(7, [image("app:1", "app@sha256:1")])
    states.put(2, [image("app:1")])
    assert states.get("app:1").rows().tolist() == [2, 7]
    assert states.get("app@sha256:1").rows().tolist() == [7]
    assert 2 in states.get("app:1")
    assert 3 not in states.get("app:1")
    assert states.get("other") is None


def test_the_size_is_that_of_the_first_node():
    states = ImageStates()
    states.put(0, [image("app:1", size=100)])
    states.put(1, [image("app:1", size=900)])
    assert states.get("app:1").size == 100
    states.remove(0)
    assert states.get("app:1").size == 100


def test_the_size_is_forgotten_with_the_last_node():
    states = ImageStates()
    states.put(0, [image("app:1", size=100)])
    states.remove(0)
    assert states.get("app:1") is None
    states.put(0, [image("app:1", size=900)])
    assert states.get("app:1").size == 900


def test_the_only_node_that_has_an_image_can_change_its_size():
    states = ImageStates()
    states.put(0, [image("app:1", size=100)])
    assert states.put(0, [image("app:1", size=900)])
    assert states.get("app:1").size == 900


def test_the_same_report_again_changes_nothing():
    states = ImageStates()
    assert states.put(0, [image("app:1", "app:2")])
    assert not states.put(0, [image("app:1", "app:2")])
    assert states.put(0, [image("app:2")])
    assert states.get("app:1") is None


def test_an_image_without_names_or_with_one_twice_is_no_trouble():
    states = ImageStates()
    assert not states.put(0, [ContainerImage(names=None)])
    states.put(0, [image("app:1"), image("app:1")])
    assert states.get("app:1").rows().tolist() == [0]
    states.remove(0)
    assert states.get("app:1") is None
