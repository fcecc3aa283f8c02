"""A pod that was refused a moment too early is woken, and only such a pod."""

from __future__ import annotations

import pytest

from extender.loops.second_looks import DELAYS, SecondLooks
from extender.verbs.judging import Judge
from scheduler.cluster.pod_info import PodInfo
from scheduler.plugins.image_platform import ImagePlatform
from tests.extender.builders import a_cache, a_node, an_index, pod_info


@pytest.mark.parametrize("news_after", [0.5, 3.0])
def test_a_node_that_joins_behind_the_question_wakes_the_pod(news_after: float) -> None:
    cache = a_cache(a_node("amd-0"))
    woken: list[PodInfo] = []
    looks = SecondLooks(Judge(cache, ImagePlatform()).possible, woken.append)
    info = pod_info(cache, an_index("linux/arm64"))
    looks.refused(info, 100.0)
    assert looks.look(100.0 + news_after) == sum(delay <= news_after for delay in DELAYS)
    cache.add_node(a_node("arm-0", "arm64"))
    looks.look(100.0 + max(DELAYS))
    assert woken
    assert all(each is info for each in woken)
    assert looks.look(1000.0) == 0


def test_a_pod_for_which_nothing_changed_sleeps_on() -> None:
    cache = a_cache(a_node("amd-0"))
    woken: list[PodInfo] = []
    looks = SecondLooks(Judge(cache, ImagePlatform()).possible, woken.append)
    looks.refused(pod_info(cache, an_index("linux/arm64")), 0.0)
    cache.add_node(a_node("amd-1"))
    assert looks.look(60.0) == len(DELAYS)
    assert woken == []
