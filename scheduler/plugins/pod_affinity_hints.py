"""After which events a pod that InterPodAffinity rejected may be tried again.

Owns the hints of that plugin (upstream: ``plugins/interpodaffinity/plugin.go``). As upstream they evaluate namespace
selectors against no labels, and know nothing of placed pods that bar this one, so they may miss an event; the queue
tries every pod anew after five minutes.
"""

from __future__ import annotations

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.cluster.selection.namespaces import NamespaceLabels
from scheduler.cluster.selection.pod_selectors import PodTerm
from scheduler.cluster.shapes import PodShape
from scheduler.plugins.pod_affinity_terms import OwnTerms, UnparsableTerms, own_terms
from scheduler.queue.events import ClusterEvent

_NO_NAMESPACES = NamespaceLabels()


def _terms_of(pod: Pod) -> OwnTerms:
    try:
        return own_terms(pod)
    except UnparsableTerms:
        return OwnTerms()


def _means_pod(term: PodTerm, pod: object) -> bool:
    if not isinstance(pod, Pod):
        return False
    shape = PodShape(pod.metadata.namespace, pod.metadata.labels, terminating=False)
    return term.selector.selects(shape, _NO_NAMESPACES)


def brings_company(pod: Pod, event: ClusterEvent) -> bool:
    """The new pod matches all required affinity terms."""
    terms = _terms_of(pod).together
    return bool(terms) and all(_means_pod(term, event.new) for term in terms)


def changes_sides(pod: Pod, event: ClusterEvent) -> bool:
    """The pod begins to match all affinity terms, or ceases to match an anti-affinity term."""
    own = _terms_of(pod)
    was, matches = (all(_means_pod(term, other) for term in own.together) for other in (event.old, event.new))
    if own.together and matches and not was:
        return True
    return any(_means_pod(term, event.old) and not _means_pod(term, event.new) for term in own.apart)


def leaves_room(pod: Pod, event: ClusterEvent) -> bool:
    """The pod matched an anti-affinity term, or would not have this pod beside it."""
    if not isinstance(event.old, Pod):
        return True
    own, theirs = _terms_of(pod), _terms_of(event.old)
    return any(_means_pod(term, event.old) for term in own.apart) or any(_means_pod(term, pod) for term in theirs.apart)


def opens_a_domain(pod: Pod, event: ClusterEvent) -> bool:
    """The node has the key of an affinity term; or it may be free of pods to stay away from."""
    own = _terms_of(pod)
    labels = event.new.metadata.labels if isinstance(event.new, Node) else {}
    return bool(own.apart) or any(term.topology_key in labels for term in own.together)


def moves_between_domains(pod: Pod, event: ClusterEvent) -> bool:
    """The node's label of an affinity term came or changed, or that of an anti-affinity term went or changed."""
    own = _terms_of(pod)
    old = event.old.metadata.labels if isinstance(event.old, Node) else {}
    new = event.new.metadata.labels if isinstance(event.new, Node) else {}
    comes = any(t.topology_key in new and old.get(t.topology_key) != new[t.topology_key] for t in own.together)
    return comes or any(t.topology_key in old and old[t.topology_key] != new.get(t.topology_key) for t in own.apart)
