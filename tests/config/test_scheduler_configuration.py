"""A KubeSchedulerConfiguration is merged as kube-scheduler merges it, and what is wrong in it is named."""

import pytest
import yaml

from scheduler.config.scheduler_configuration import parse_scheduler_configuration, read_scheduler_configuration
from scheduler.config.strict import InvalidSettings
from scheduler.plugins.arguments import NodeResourcesFitArgs
from scheduler.plugins.catalogue import default_selection, make_profile

HEAD = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}


def parse(**fields):
    return parse_scheduler_configuration(yaml.safe_dump({**HEAD, **fields}), "file")


def selection(plugins=None, config=()):
    profile = {"schedulerName": "mine", "pluginConfig": list(config)}
    return parse(profiles=[profile | ({"plugins": plugins} if plugins else {})]).selections[0]


def named(*names):
    return [{"name": name} for name in names]


def test_an_empty_configuration_is_the_default_profile():
    assert parse().selections == (default_selection("default-scheduler"),)
    assert parse(profiles=[{}]).selections == (default_selection("default-scheduler"),)


def test_several_profiles_have_their_own_names_and_plugins():
    blind = {"multiPoint": {"disabled": named("ImagePlatform")}}
    first, second = parse(profiles=[{"schedulerName": "a"}, {"schedulerName": "b", "plugins": blind}]).selections
    assert (first.scheduler_name, second.scheduler_name) == ("a", "b")
    assert second == default_selection("b").without("ImagePlatform")


def test_a_default_that_is_named_again_keeps_its_place_and_takes_the_weight():
    found = selection({"multiPoint": {"enabled": [{"name": "TaintToleration", "weight": 7}]}})
    default = default_selection("mine")
    assert found.filters == default.filters
    assert found.scores == tuple((name, 7 if name == "TaintToleration" else w) for name, w in default.scores)


def test_a_default_that_is_disabled_and_named_again_moves_to_the_end():
    found = selection({"multiPoint": {"enabled": named("NodePorts"), "disabled": named("NodePorts")}})
    assert found.filters[-1] == "NodePorts"


def test_a_weight_at_the_point_goes_before_one_everywhere_and_the_plugin_goes_first():
    found = selection(
        {
            "multiPoint": {"enabled": [{"name": "ImageLocality", "weight": 5}]},
            "score": {"enabled": [{"name": "ImageLocality", "weight": 9}]},
        }
    )
    assert found.scores[0] == ("ImageLocality", 9)
    assert [name for name, _ in found.scores].count("ImageLocality") == 1


def test_a_plugin_can_be_disabled_at_one_point_only():
    found = selection({"score": {"disabled": named("NodeResourcesFit")}})
    assert "NodeResourcesFit" in found.filters
    assert "NodeResourcesFit" not in dict(found.scores)


def test_a_point_can_be_written_out_in_full():
    found = selection(
        {
            "score": {"disabled": named("*"), "enabled": [{"name": "ImageLocality"}, {"name": "NodeAffinity"}]},
            "preFilter": {"disabled": named("*"), "enabled": named("NodeAffinity")},
            "filter": {"disabled": named("*"), "enabled": named("NodeName", "NodeAffinity")},
            "postFilter": {"disabled": named("*")},
        }
    )
    assert found.scores == (("ImageLocality", 1), ("NodeAffinity", 1))
    assert found.filters == ("NodeName", "NodeAffinity")
    assert found.post_filters == ()


def test_arguments_reach_the_plugins():
    strategy = {"type": "MostAllocated", "resources": [{"name": "example.com/gpu", "weight": 3}]}
    found = selection(
        config=[
            {"name": "NodeResourcesFit", "args": {"kind": "NodeResourcesFitArgs", "scoringStrategy": strategy}},
            {"name": "ImagePlatform", "args": {"platformWeights": {"linux/arm64": 100}}},
            {"name": "InterPodAffinity", "args": {"hardPodAffinityWeight": 5}},
            {
                "name": "NodeAffinity",
                "args": {
                    "addedAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]
                        }
                    }
                },
            },
        ]
    )
    fit = found.arguments["NodeResourcesFit"]
    assert isinstance(fit, NodeResourcesFitArgs)
    assert fit.scoring_strategy.weights == (("example.com/gpu", 3),)
    profile = make_profile(found)
    assert {plugin.name for plugin in profile.filters} >= {"NodeAffinity", "ImagePlatform", "NodeResourcesFit"}


def test_what_has_no_effect_is_named():
    found = parse(
        parallelism=4,
        percentageOfNodesToScore=50,
        podInitialBackoffSeconds=2,
        leaderElection={"leaderElect": False},
        profiles=[{"percentageOfNodesToScore": 100, "pluginConfig": [{"name": "DefaultPreemption"}]}],
    )
    assert [text.partition(":")[0] for text in found.without_effect] == [
        "parallelism",
        "percentageOfNodesToScore",
        "leaderElection",
        "profiles[0].percentageOfNodesToScore",
        "profiles[0].pluginConfig[0]",
    ]
    assert found.initial_backoff_seconds == 2


def shape(*points):
    ratio = {"shape": [{"utilization": utilization, "score": score} for utilization, score in points]}
    return {"scoringStrategy": {"type": "RequestedToCapacityRatio", "requestedToCapacityRatio": ratio}}


WRONG_DOCUMENTS = [
    ({"apiVersion": "kubescheduler.config.k8s.io/v1beta3"}, "apiVersion: Invalid enum value"),
    ({"kind": "Pod"}, "kind: Invalid enum value"),
    ({"profile": []}, "profile: unknown field"),
    ({"percentageOfNodesToScore": 101}, "percentageOfNodesToScore: Expected int <= 100"),
    ({"parallelism": 0}, "parallelism: Expected int >= 1"),
    ({"podInitialBackoffSeconds": 20}, "podMaxBackoffSeconds: 10 is less than podInitialBackoffSeconds, 20"),
    ({"extenders": [{"urlPrefix": "http://x"}]}, "extenders: multiarch-scheduler calls no extenders"),
    ({"profiles": [{"schedulerName": "a"}, {"schedulerName": "a"}]}, "profiles[1].schedulerName: 'a' is given twice"),
    ({"profiles": [{"schedulerName": "a"}, {}]}, "profiles[1].schedulerName: is needed where"),
    ({"profiles": [{"pluginConfigs": []}]}, "profiles[0].pluginConfigs: unknown field"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG_DOCUMENTS)
def test_a_mistake_is_named_by_its_field(fields, message):
    with pytest.raises(InvalidSettings) as failure:
        parse(**fields)
    assert str(failure.value).startswith(f"file: {message}")


WRONG_PLUGINS = [
    ({"filter": {"enabled": named("Nonsense")}}, "filter.enabled[0].name: there is no plugin 'Nonsense'"),
    ({"multiPoint": {"disabled": named("EBSLimits")}}, "multiPoint.disabled[0].name: there is no plugin 'EBSLimits'"),
    ({"score": {"enabled": named("NodeName")}}, "score.enabled[0].name: 'NodeName' has no score"),
    ({"score": {"enabled": named("ImageLocality", "ImageLocality")}}, "score.enabled[1].name: 'ImageLocality' is enab"),
    ({"score": {"enabled": [{"name": "ImageLocality", "weight": -1}]}}, "score.enabled[0].weight: -1 is negative"),
    ({"score": {"enabled": [{"name": "ImageLocality", "weight": 10**6}]}}, "score: weights sum to 1000034, more than"),
    ({"filters": {}}, "filters: unknown field"),
    ({"filter": {"disabled": named("NodePorts")}}, "filter: must name the same plugins in the same order as preFilter"),
    ({"preFilter": {"disabled": named("NodePorts")}}, "filter: must name the same plugins in the same order as pre"),
    ({"filter": {"enabled": named("NodePorts")}}, "filter: must name the same plugins in the same order as preFilter"),
    ({"preScore": {"disabled": named("NodeAffinity")}}, "preScore: NodeAffinity is not in it and cannot score without"),
    ({"reserve": {"disabled": named("*")}}, "reserve: VolumeBinding is not in it and cannot filter without"),
    ({"bind": {"disabled": named("*")}}, "bind: must be DefaultBinder and nothing else"),
    ({"multiPoint": {"disabled": named("*")}}, "queueSort: must be PrioritySort and nothing else"),
    ({"preEnqueue": {"disabled": named("*")}}, "preEnqueue: SchedulingGates cannot be disabled here"),
]


@pytest.mark.parametrize(("plugins", "message"), WRONG_PLUGINS)
def test_plugins_that_cannot_run_so_are_named(plugins, message):
    with pytest.raises(InvalidSettings) as failure:
        selection(plugins)
    assert str(failure.value).startswith(f"file: profiles[0].plugins.{message}")


TERM = "addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
WRONG_ARGUMENTS = [
    ("NodeResourcesFit", {"strategy": 1}, "strategy: unknown field"),
    ("NodeResourcesFit", {"kind": "NodeAffinityArgs"}, "kind: must be NodeResourcesFitArgs"),
    ("NodeResourcesFit", {"scoringStrategy": {"type": "Best"}}, "scoringStrategy.type: Invalid enum value"),
    ("NodeResourcesFit", {"ignoredResourceGroups": ["a/b"]}, "ignoredResourceGroups[0]: 'a/b': must not contain '/'"),
    ("NodeResourcesFit", {"ignoredResources": ["-"]}, "ignoredResources[0]: '-': name part must"),
    (
        "NodeResourcesFit",
        {"scoringStrategy": {"resources": [{"name": "cpu", "weight": 101}]}},
        "scoringStrategy.resources[0].weight: 101 is not between 0 and 100",
    ),
    ("NodeResourcesFit", shape(), "scoringStrategy.requestedToCapacityRatio.shape: at least one point"),
    ("NodeResourcesFit", shape((0, 11)), "scoringStrategy.requestedToCapacityRatio.shape[0].score: 11 is not betw"),
    ("NodeResourcesFit", shape((101, 0)), "scoringStrategy.requestedToCapacityRatio.shape[0].utilization: 101 is"),
    ("NodeResourcesFit", shape((5, 0), (5, 1)), "scoringStrategy.requestedToCapacityRatio.shape[1].utilization: 5 is"),
    ("NodeResourcesBalancedAllocation", {"resources": [{"name": "cpu", "weight": 2}]}, "resources[0].weight: 2 is not"),
    ("InterPodAffinity", {"hardPodAffinityWeight": 101}, "hardPodAffinityWeight: 101 is not between 0 and 100"),
    (
        "PodTopologySpread",
        {"defaultConstraints": [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]},
        "defaultingType: must be List",
    ),
    (
        "PodTopologySpread",
        {
            "defaultingType": "List",
            "defaultConstraints": [{"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}],
        },
        "defaultConstraints[0].maxSkew: 0 is not positive",
    ),
    ("VolumeBinding", {"bindTimeoutSeconds": -1}, "bindTimeoutSeconds: Expected int >= 0"),
    ("DefaultPreemption", {"minCandidateNodesPercentage": 101}, "minCandidateNodesPercentage: 101 is not between"),
    (
        "DefaultPreemption",
        {"minCandidateNodesPercentage": 0, "minCandidateNodesAbsolute": 0},
        "minCandidateNodesPercentage, minCandidateNodesAbsolute: must not both be 0",
    ),
    (
        "NodeAffinity",
        {
            "addedAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Is"}]}]
                }
            }
        },
        f'{TERM}[0].matchExpressions[0].operator: Unsupported value: "Is"',
    ),
    (
        "NodeAffinity",
        {"addedAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
        f"{TERM}: at least one term is needed",
    ),
    ("ImagePlatform", {"platformWeights": {"linux/arm64": 101}}, "platformWeights.linux/arm64: 101 is not between"),
    ("ImagePlatform", {"platformWeights": {"arm": 1}}, "platformWeights: "),
    ("ImagePlatform", {"unknownImages": "guess"}, "unknownImages: 'guess' is no policy for unknown images: "),
    ("ImagePlatform", {"unknownImages": "assume:arm"}, "unknownImages: 'assume:arm' is no policy"),
]


@pytest.mark.parametrize(("plugin", "arguments", "message"), WRONG_ARGUMENTS)
def test_arguments_that_make_no_sense_are_named(plugin, arguments, message):
    with pytest.raises(InvalidSettings) as failure:
        selection(config=[{"name": plugin, "args": arguments}])
    assert str(failure.value).startswith(f"file: profiles[0].pluginConfig[0].args.{message}")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (named("Nonsense"), "pluginConfig[0].name: there is no plugin 'Nonsense'"),
        (named("NodeName"), "pluginConfig[0].name: NodeName takes no arguments"),
        (named("NodeAffinity", "NodeAffinity"), "pluginConfig[1].name: 'NodeAffinity' is given twice"),
    ],
)
def test_arguments_go_to_plugins_that_take_them(config, message):
    with pytest.raises(InvalidSettings) as failure:
        selection(config=config)
    assert str(failure.value) == f"file: profiles[0].{message}"


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidSettings, match=r"nowhere\.yaml: cannot be read"):
        read_scheduler_configuration(tmp_path / "nowhere.yaml")
