"""Nobody is evicted where the pod could not run afterwards either."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extender.verbs.judging import Judge
from extender.verbs.preempt import preempt
from extender.verbs.promises import Promises
from extender.wire.arguments import MetaVictim, MetaVictims, read_preemption_args
from scheduler.cluster.cache import Cache
from scheduler.plugins.image_platform import ImagePlatform
from tests.extender.builders import UNREACHABLE, a_mixed_cache, a_pod_document, an_index, pod_info

META: dict[str, Any] = {
    "arm-0": {"Pods": [{"UID": "uid-low"}, {"UID": "uid-lower"}], "NumPDBViolations": 1},
    "amd-0": {"Pods": [{"UID": "uid-other"}], "NumPDBViolations": 0},
    "nobody": {"Pods": [{"UID": "uid-x"}], "NumPDBViolations": 0},
    "arm-1": {"Pods": [], "NumPDBViolations": 0},
}
WHOLE = {
    name: {**victims, "Pods": [a_pod_document(victim["UID"].removeprefix("uid-")) for victim in victims["Pods"]]}
    for name, victims in META.items()
}


def kept(answer: Any, **candidates: Any) -> dict[str, MetaVictims]:
    cache = a_mixed_cache()
    return asked(cache, answer, Promises(cache, 60.0), candidates)


def asked(cache: Cache, answer: Any, promises: Promises, candidates: dict[str, Any]) -> dict[str, MetaVictims]:
    args = read_preemption_args(json.dumps({"Pod": a_pod_document(), **candidates}).encode())
    return preempt(args, pod_info(cache, answer), Judge(cache, ImagePlatform()), promises)


@pytest.mark.parametrize(
    "candidates",
    [
        {"NodeNameToMetaVictims": META, "NodeNameToVictims": None},
        {"NodeNameToVictims": WHOLE, "NodeNameToMetaVictims": None},
    ],
    ids=["by uid", "whole pods"],
)
def test_only_nodes_that_can_run_the_pod_keep_their_victims(candidates: dict[str, Any]) -> None:
    left = kept(an_index("linux/arm64"), **candidates)
    assert left == {"arm-0": MetaVictims([MetaVictim("uid-low"), MetaVictim("uid-lower")], 1)}


def test_nobody_is_evicted_in_the_attempt_in_which_a_node_was_found_elsewhere() -> None:
    """If the pod comes back without filter being asked first, kube-scheduler did not take that node."""
    cache = a_mixed_cache()
    promises, arm = Promises(cache, 60.0), an_index("linux/arm64")
    for _ in range(2):
        promises.make(pod_info(cache, arm), "arm-1", 0.0)
        assert asked(cache, arm, promises, {"NodeNameToMetaVictims": META}) == {}
        assert asked(cache, arm, promises, {"NodeNameToMetaVictims": META}).keys() == {"arm-0"}
        promises.forget("uid-web-0")
    promises.make(pod_info(cache, arm), "arm-1", 0.0)
    promises.forget("uid-web-0")
    assert asked(cache, arm, promises, {"NodeNameToMetaVictims": META}).keys() == {"arm-0"}


def test_while_the_images_are_not_known_nobody_is_evicted() -> None:
    assert kept(UNREACHABLE, NodeNameToMetaVictims=META) == {}


@pytest.mark.parametrize("candidates", [{}, {"NodeNameToMetaVictims": {}}, {"NodeNameToVictims": None}])
def test_no_candidates_stay_none(candidates: dict[str, Any]) -> None:
    assert kept(an_index("linux/arm64"), **candidates) == {}
