"""The twin of the plugins that look at other pods: PodTopologySpread and InterPodAffinity, by the plainest counting.

Like ``twin``, it shares no code with the plugins but the API structs: every question walks all nodes and all pods.
"""

from __future__ import annotations

import math

from scheduler.api.workloads import Service
from scheduler.framework.status import Code, Rejection

NO, NEVER = Code.UNSCHEDULABLE, Code.UNRESOLVABLE
HOSTNAME = "kubernetes.io/hostname"


# Selectors


def selects(selector, labels):
    """A label selector; none selects nothing."""
    if selector is None:
        return False
    return all(labels.get(k) == v for k, v in selector.match_labels.items()) and all(
        holds(e, labels) for e in selector.match_expressions
    )


def holds(expression, labels):
    has = expression.key in labels
    return {
        "In": has and labels.get(expression.key) in expression.values,
        "NotIn": not has or labels[expression.key] not in expression.values,
        "Exists": has,
        "DoesNotExist": not has,
    }[expression.operator]


def is_empty(selector):
    return selector is not None and not selector.match_labels and not selector.match_expressions


# PodTopologySpread


def constraints(pod, cluster, action):
    """(key, skew, selects, counts nothing, min domains, honours affinity, honours taints)"""
    own = pod.spec.topology_spread_constraints
    if not own:
        return defaults(pod, cluster) if action == "ScheduleAnyway" else []
    return [
        {
            "key": c.topology_key,
            "skew": c.max_skew,
            "selects": constraint_selects(c, pod),
            "counts": not (is_empty(c.label_selector) and not merged(c, pod)),
            "domains": c.min_domains or 1,
            "affinity": c.node_affinity_policy != "Ignore",
            "taints": c.node_taints_policy == "Honor",
        }
        for c in own
        if c.when_unsatisfiable == action
    ]


def merged(constraint, pod):
    labels = pod.metadata.labels
    return {key: labels[key] for key in constraint.match_label_keys if key in labels}


def constraint_selects(constraint, pod):
    wanted = merged(constraint, pod)
    return lambda labels: (
        selects(constraint.label_selector, labels) and all(labels.get(key) == value for key, value in wanted.items())
    )


def defaults(pod, cluster):
    wanted, rest = {}, []
    for workload in cluster.workloads:
        if workload.metadata.namespace != pod.metadata.namespace:
            continue
        selector = workload.spec.selector
        if isinstance(workload, Service):
            if selector is not None and all(pod.metadata.labels.get(k) == v for k, v in selector.items()):
                wanted |= selector
        elif any(o.controller and o.name == workload.metadata.name for o in pod.metadata.owner_references):
            rest.append(selector)
    rest = [selector for selector in rest if selector is not None and not is_empty(selector)]
    if not wanted and not rest:
        return []

    def belongs(labels):
        return all(labels.get(k) == v for k, v in wanted.items()) and all(selects(s, labels) for s in rest)

    common = {"selects": belongs, "counts": True, "domains": 1, "affinity": True, "taints": False}
    return [
        {"key": HOSTNAME, "skew": 3, **common},
        {"key": "topology.kubernetes.io/zone", "skew": 5, **common},
    ]


def counted_on(node, constraint, pod, cluster):
    if not constraint["counts"]:
        return 0
    return sum(
        other.metadata.namespace == pod.metadata.namespace
        and other.metadata.deletion_timestamp is None
        and constraint["selects"](other.metadata.labels)
        for other in cluster.on(node)
    )


def is_included(node, constraint, pod, rules):
    if constraint["affinity"] and rules.node_affinity(pod, node, None) is not None:
        return False
    return not (constraint["taints"] and rules.taint_toleration(pod, node, None) is not None)


def has_all(node, some):
    return all(c["key"] in node.metadata.labels for c in some)


def spread(pod, node, cluster, rules):
    hard = constraints(pod, cluster, "DoNotSchedule")
    for constraint in hard:
        if constraint["key"] not in node.metadata.labels:
            reason = "node(s) didn't match pod topology spread constraints (missing required label)"
            return Rejection(NEVER, "PodTopologySpread", (reason,))
        domains = {}
        for other in cluster.nodes:
            if has_all(other, hard) and is_included(other, constraint, pod, rules):
                value = other.metadata.labels[constraint["key"]]
                domains[value] = domains.get(value, 0) + counted_on(other, constraint, pod, cluster)
        least = min(domains.values()) if len(domains) >= constraint["domains"] and domains else 0
        here = domains.get(node.metadata.labels[constraint["key"]], 0)
        if here + constraint["selects"](pod.metadata.labels) - least > constraint["skew"]:
            return Rejection(NO, "PodTopologySpread", ("node(s) didn't match pod topology spread constraints",))
    return None


def spread_scores(pod, feasible, cluster, rules):
    soft = constraints(pod, cluster, "ScheduleAnyway")
    if not soft:
        return None
    strict = bool(pod.spec.topology_spread_constraints)
    considered = [node for node in feasible if not strict or has_all(node, soft)]
    raw = {node.name: 0.0 for node in considered}
    for constraint in soft:
        key = constraint["key"]
        values = {node.metadata.labels.get(key, "") for node in considered}
        weight = math.log((len(considered) if key == HOSTNAME else len(values)) + 2)
        sums = dict.fromkeys(values, 0)
        for other in cluster.nodes:
            value = other.metadata.labels.get(key, "")
            if value in sums and (not strict or has_all(other, soft)) and is_included(other, constraint, pod, rules):
                sums[value] += counted_on(other, constraint, pod, cluster)
        for node in considered:
            if key in node.metadata.labels:
                pods = (
                    counted_on(node, constraint, pod, cluster) if key == HOSTNAME else sums[node.metadata.labels[key]]
                )
                raw[node.name] += pods * weight + float(constraint["skew"] - 1)
    whole = {name: math.floor(cost + 0.5) for name, cost in raw.items()}
    most, least = max(whole.values(), default=0), min(whole.values(), default=0)
    scores = dict.fromkeys((node.name for node in feasible), 0)
    for name, cost in whole.items():
        scores[name] = 100 * (most + least - cost) // most if most else 100
    return scores


# InterPodAffinity


def terms(pod, side, kind):
    affinity = getattr(pod.spec.affinity, side) if pod.spec.affinity else None
    return getattr(affinity, kind) if affinity else []


def means(term, owner, other, namespaces):
    """Whether a pending pod's term selects a placed pod."""
    return in_scope(term, owner, other, namespaces.get(other.metadata.namespace)) and selects(
        term.label_selector, other.metadata.labels
    )


def means_newcomer(term, owner, newcomer, namespaces):
    """Whether a placed pod's term selects a pending pod: an unknown namespace has no labels."""
    return in_scope(term, owner, newcomer, namespaces.get(newcomer.metadata.namespace, {})) and selects(
        term.label_selector, newcomer.metadata.labels
    )


def in_scope(term, owner, other, labels):
    names = term.namespaces
    if not names and term.namespace_selector is None:
        names = [owner.metadata.namespace]
    if other.metadata.namespace in names or is_empty(term.namespace_selector):
        return True
    return labels is not None and selects(term.namespace_selector, labels)


def placed(cluster):
    for node in cluster.nodes:
        for pod in cluster.on(node):
            yield node, pod


def affinity(pod, node, cluster):
    known = cluster.namespaces
    together, apart = terms(pod, "pod_affinity", "required"), terms(pod, "pod_anti_affinity", "required")
    if together and not allows_together(pod, node, cluster, together):
        return Rejection(NEVER, "InterPodAffinity", ("node(s) didn't match pod affinity rules",))
    for term in apart:
        for where, other in placed(cluster):
            if same_domain(term.topology_key, node, where) and means(term, pod, other, known):
                return Rejection(NO, "InterPodAffinity", ("node(s) didn't match pod anti-affinity rules",))
    for where, other in placed(cluster):
        for term in terms(other, "pod_anti_affinity", "required"):
            if same_domain(term.topology_key, node, where) and means_newcomer(term, other, pod, known):
                reason = "node(s) didn't satisfy existing pods anti-affinity rules"
                return Rejection(NO, "InterPodAffinity", (reason,))
    return None


def same_domain(key, one, other):
    return key in one.metadata.labels and one.metadata.labels[key] == other.metadata.labels.get(key)


def allows_together(pod, node, cluster, together):
    company = [
        where for where, other in placed(cluster) if all(means(t, pod, other, cluster.namespaces) for t in together)
    ]
    if any(term.topology_key not in node.metadata.labels for term in together):
        return False
    if all(any(same_domain(term.topology_key, node, where) for where in company) for term in together):
        return True
    counted = any(term.topology_key in where.metadata.labels for where in company for term in together)
    return not counted and all(means(term, pod, pod, cluster.namespaces) for term in together)


def affinity_scores(pod, feasible, cluster):
    sums = {}
    for where, other in placed(cluster):
        for key, weight in wishes_met(pod, other, cluster.namespaces):
            if key in where.metadata.labels:
                domain = (key, where.metadata.labels[key])
                sums[domain] = sums.get(domain, 0) + weight
    if not sums:
        return None
    raw = {n.name: sum(sums.get((k, v), 0) for k, v in n.metadata.labels.items()) for n in feasible}
    most, least = max(raw.values()), min(raw.values())
    return {
        name: int(100.0 * (float(value - least) / float(most - least))) if most > least else 0
        for name, value in raw.items()
    }


def wishes_met(pod, other, known):
    """(topology key, weight) of all terms, of the pending pod and of a placed one, that select each other."""
    for side, sign in (("pod_affinity", 1), ("pod_anti_affinity", -1)):
        for wish in terms(pod, side, "preferred"):
            if means(wish.pod_affinity_term, pod, other, known):
                yield wish.pod_affinity_term.topology_key, sign * wish.weight
        for wish in terms(other, side, "preferred"):
            if means_newcomer(wish.pod_affinity_term, other, pod, known):
                yield wish.pod_affinity_term.topology_key, sign * wish.weight
    for term in terms(other, "pod_affinity", "required"):
        if means_newcomer(term, other, pod, known):
            yield term.topology_key, 1
