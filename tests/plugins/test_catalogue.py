"""The default profile: kube-scheduler's plugins, order and weights, and ours among them."""

from scheduler.plugins.catalogue import default_profile, upstream_profile

UPSTREAM_ORDER = [
    "NodeName",
    "NodeUnschedulable",
    "TaintToleration",
    "NodeAffinity",
    "NodePorts",
    "NodeResourcesFit",
    "VolumeRestrictions",
    "NodeVolumeLimits",
    "VolumeBinding",
    "VolumeZone",
    "PodTopologySpread",
    "InterPodAffinity",
    "DynamicResources",
    "NodeDeclaredFeatures",
]
UPSTREAM_WEIGHTS = {
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "NodeResourcesFit": 1,
    "VolumeBinding": 1,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "DynamicResources": 2,
    "NodeResourcesBalancedAllocation": 1,
    "ImageLocality": 1,
}


def test_filters_stand_in_upstreams_order():
    names = [plugin.name for plugin in upstream_profile("x").filters]
    assert names == UPSTREAM_ORDER


def test_scores_have_upstreams_weights():
    assert {plugin.name: weight for plugin, weight in upstream_profile("x").scores} == UPSTREAM_WEIGHTS


def test_our_plugin_stands_with_the_filters_by_facts_and_outweighs_the_rest():
    profile = default_profile("mine")
    names = [plugin.name for plugin in profile.filters]
    assert names.index("ImagePlatform") == names.index("NodeAffinity") + 1 == names.index("NodePorts") - 1
    weights = {plugin.name: weight for plugin, weight in profile.scores}
    assert weights.pop("ImagePlatform") > sum(weights.values())
    assert weights == UPSTREAM_WEIGHTS
    assert profile.scheduler_name == "mine"
