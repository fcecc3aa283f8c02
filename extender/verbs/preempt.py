"""preempt: nobody is evicted on a node that cannot run the pod anyway.

Owns what is left of the candidates that kube-scheduler's dry run found. That run does not ask filter extenders, so a
full node of the wrong platform is among its candidates. Victims are kept as they are, in their order.

Nobody is evicted for a pod that was promised a node in the same attempt, one that kube-scheduler's sample lacked:
it will be nominated there in a moment. Only the first question counts as the same attempt; if kube-scheduler wants to
preempt again without asking which nodes can run the pod, that node will not do.
"""

from __future__ import annotations

from extender.verbs.judging import Judge
from extender.verbs.promises import Promises
from extender.wire.arguments import ExtenderPreemptionArgs, MetaVictims, read_meta_victims, read_victims
from scheduler.cluster.pod_info import PodInfo


def preempt(args: ExtenderPreemptionArgs, info: PodInfo, judge: Judge, promises: Promises) -> dict[str, MetaVictims]:
    """The candidates that may stay. Raises MalformedBody.

    One without victims is left out: kube-scheduler would take it for an error of the whole call.
    """
    if promises.is_news(info.uid):
        return {}
    if args.node_name_to_meta_victims is not None:
        candidates = {name: read_meta_victims(raw) for name, raw in args.node_name_to_meta_victims.items()}
    else:
        candidates = {name: read_victims(raw) for name, raw in (args.node_name_to_victims or {}).items()}
    return {name: victims for name, victims in candidates.items() if victims.pods and judge.can_run(info, name)}
