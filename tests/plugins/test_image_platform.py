"""A pod goes only where all its images run, and by preference where the user wants them to."""

import pytest

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import Placed, SchedulingCycle
from scheduler.images.content import FailureCause
from scheduler.images.matching import MatchRules
from scheduler.images.platform import InvalidPlatform, Platform
from scheduler.plugins.catalogue import default_profile
from scheduler.plugins.image_platform import ImagePlatform, can_run
from scheduler.queue.events import ClusterEvent, EventKind
from tests.builders import a_node, a_pod, a_taint
from tests.images.builders import AMD64, ARM64, ARM_V7, WINDOWS_2019, WINDOWS_2022, a_failure, an_index, resolved

NODES = [
    a_node("amd", architecture="amd64"),
    a_node("arm", architecture="arm64"),
    a_node("win19", os="windows", kernel="10.0.17763.5936"),
    a_node("win22", os="windows", kernel="10.0.20348.2700"),
]


def decide(images, pod=None, nodes=NODES, **settings):
    cache = Cache()
    for node in nodes:
        cache.add_node(node)
    cycle = SchedulingCycle(cache, default_profile("test", **settings))
    return cycle.decide(make_pod_info(pod or a_pod(), images, cache.classes))


@pytest.mark.parametrize(
    ("platform", "node"), [(AMD64, "amd"), (ARM64, "arm"), (WINDOWS_2019, "win19"), (WINDOWS_2022, "win22")]
)
def test_an_image_for_one_platform_goes_to_its_node(platform, node):
    assert decide((resolved(an_index(platform)),)) == Placed(node, 1, 4, 0)


def test_all_images_must_run_on_the_node():
    both = (resolved(an_index(AMD64, ARM64)), resolved(an_index(ARM64, WINDOWS_2022), "sidecar:1"))
    assert decide(both).node == "arm"
    decision = decide((resolved(an_index(AMD64)), resolved(an_index(ARM64), "sidecar:1")))
    assert decision.fit_error.rejecting_plugins == {"ImagePlatform"}


def test_the_reason_names_the_image_and_what_it_is_built_for_and_nodes_that_share_it_are_counted():
    decision = decide(
        (resolved(an_index(Platform("linux", "s390x"), Platform("linux", "ppc64le")), "ghcr.io/acme/app:1"),)
    )
    assert decision.fit_error.message == (
        "0/4 nodes are available: 4 node(s) can't run image ghcr.io/acme/app:1 (built for linux/s390x, linux/ppc64le)."
    )


def test_a_pod_is_not_placed_on_a_guess():
    decision = decide((resolved(a_failure(FailureCause.TIMEOUT, "registry.test did not answer"), "app:1"),))
    assert decision.fit_error.message == (
        "0/4 nodes are available: 4 node(s) might not run image app:1 (registry.test did not answer)."
    )


def test_a_pod_whose_images_nobody_asked_about_is_not_placed():
    decision = decide(None)
    assert decision.fit_error.message == (
        "0/4 nodes are available: it is not known yet which platforms the pod's images are built for."
    )
    assert decision.fit_error.rejecting_plugins == {"ImagePlatform"}


def test_the_operating_system_that_a_pod_insists_on_decides_first():
    any_os = (resolved(an_index(AMD64, ARM64, WINDOWS_2022)),)
    assert decide(any_os, a_pod(spec={"os": {"name": "windows"}})).node == "win22"
    assert decide(any_os, a_pod(labels={"kubernetes.io/os": "windows"})).node == "win22"


def test_cheaper_reasons_come_first_and_fullness_after():
    nodes = [a_node("amd", taints=[a_taint("t")], pods="0"), a_node("arm", architecture="arm64", pods="0")]
    decision = decide((resolved(an_index(WINDOWS_2022)),), nodes=nodes)
    assert decision.fit_error.rejecting_plugins == {"TaintToleration", "ImagePlatform"}


def test_a_preferred_platform_outweighs_everything_else():
    images = (resolved(an_index(AMD64, ARM64)),)
    nodes = [
        a_node("amd", cpu="64"),
        a_node("arm", architecture="arm64", cpu="1", taints=[a_taint("t", effect="PreferNoSchedule")]),
    ]
    assert decide(images, nodes=nodes).node == "amd"
    assert decide(images, nodes=nodes, platform_weights={"linux/arm64": 100}).node == "arm"


def test_the_most_specific_platform_gives_the_weight():
    images = (resolved(an_index(WINDOWS_2019, WINDOWS_2022)),)
    weights = {"windows/amd64": 10, "windows(10.0.17763.1)/amd64": 90}
    assert decide(images, platform_weights=weights).node == "win19"
    assert decide(images, platform_weights={"windows/amd64": 10, "windows(10.0.17763)/amd64": 0}).node == "win22"


def test_rules_of_the_settings_reach_the_match():
    images = (resolved(an_index(ARM_V7)),)
    arm = [a_node("arm", architecture="arm64")]
    assert not isinstance(decide(images, nodes=arm), Placed)
    assert decide(images, nodes=arm, match_rules=MatchRules(fallback=True, arm32=True)).node == "arm"


@pytest.mark.parametrize(
    ("weights", "error", "text"),
    [
        ({"arm64": 5}, InvalidPlatform, "'arm64'"),
        ({"linux/arm64": 101}, ValueError, "weight 101 of platform linux/arm64 is not between 0 and 100"),
        ({"linux/arm64": -1}, ValueError, "weight -1"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights, error, text):
    with pytest.raises(error, match=text):
        ImagePlatform(weights)


@pytest.mark.parametrize(("architecture", "helps"), [("amd64", False), ("arm64", True)])
def test_only_nodes_that_can_run_the_images_wake_a_pod(architecture, helps):
    event = ClusterEvent(EventKind.NODE_ADD, new=a_node("new", architecture=architecture))
    assert can_run(MatchRules())(a_pod(), (resolved(an_index(ARM64)),), event) is helps


def test_a_node_that_holds_the_images_wakes_a_pod_whatever_registries_say():
    event = ClusterEvent(EventKind.NODE_ADD, new=a_node("new", images={"registry.example/app:1": 1}))
    images = (resolved(an_index(ARM64), "registry.example/app:1"),)
    assert can_run(MatchRules())(a_pod(), images, event)


def test_a_pod_for_one_node_is_woken_by_no_other():
    only = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["mine"]}]}
    pod = a_pod(node_affinity={"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [only]}})
    hint = ImagePlatform().hints[EventKind.NODE_ADD]
    assert [hint(pod, ClusterEvent(EventKind.NODE_ADD, new=a_node(name))) for name in ("mine", "other")] == [
        True,
        False,
    ]
