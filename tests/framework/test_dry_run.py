"""The dry run on all nodes at once counts what pods take of resources that no node offers."""

import pytest

from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import make_pod_info
from scheduler.framework.cycle import SchedulingCycle
from scheduler.framework.dry_run import DryRun
from scheduler.plugins.catalogue import upstream_profile
from tests.builders import a_node, a_pod


@pytest.mark.parametrize(("offered", "fits"), [("0", False), ("5", True)])
def test_evictions_make_room_only_for_what_the_node_offers(offered, fits):
    cache = Cache()
    cache.add_node(a_node("n", cpu="4", allocatable={"made.up/thing": offered}))
    cache.add_pod(a_pod("taker", on="n", requests={"cpu": "1", "made.up/thing": "5"}, spec={"priority": 0}))
    asks = a_pod("asks", requests={"cpu": "4", "made.up/thing": "3"}, spec={"priority": 10})
    info = make_pod_info(asks, None, cache.classes)
    evaluation = SchedulingCycle(cache, upstream_profile("test")).pod_evaluation(info)
    dry_run = DryRun(evaluation.local, 10, cache)
    dry_run.refresh()
    assert dry_run.fits.tolist() == [fits]
