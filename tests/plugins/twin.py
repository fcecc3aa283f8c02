"""The plugins' twin: the same rules for one node at a time, in the plainest Python, after kube-scheduler's reference.

It shares no code with the plugins but the API structs, quantities and, for ImagePlatform, ``images.matching``. It is
slow, and that is its point: a reader can hold it against the reference line by line, and a test holds the plugins
against it.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field

from scheduler.api.node import Node
from scheduler.api.pod import Pod
from scheduler.api.quantity import milli_value, value
from scheduler.api.workloads import Workload
from scheduler.framework.status import Code, Rejection
from scheduler.images.matching import match_pod
from scheduler.images.node_platform import node_platform
from scheduler.images.pod_images import required_os
from scheduler.images.verdict import Outcome
from tests.plugins import pod_twin

NO, NEVER = Code.UNSCHEDULABLE, Code.UNRESOLVABLE
ANY = ".".join("0000")
MIB = 1024 * 1024


@dataclass
class TwinCluster:
    """Nodes in the order in which they joined, the pods on them, and what selects pods."""

    nodes: list[Node] = field(default_factory=list)
    pods: list[Pod] = field(default_factory=list)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    workloads: list[Workload] = field(default_factory=list)

    def on(self, node: Node) -> list[Pod]:
        return [pod for pod in self.pods if pod.spec.node_name == node.name]


# Filters


def verdict(pod: Pod, images, node: Node, cluster: TwinCluster) -> Rejection | None:
    """The first plugin that rejects the node, in kube-scheduler's order, ImagePlatform after NodeAffinity."""
    narrowed = narrowed_out(pod, node)
    if narrowed:
        return Rejection(NEVER, "", (f"node(s) didn't satisfy plugin(s) [{' '.join(sorted(narrowed))}]",))
    by_facts = (node_name, node_unschedulable, taint_toleration, node_affinity, image_platform(images))
    for rule in (*by_facts, node_ports, fit, spread, pod_twin.affinity, declared_features):
        rejection = rule(pod, node, cluster)
        if rejection is not None:
            return rejection
    return None


def narrowed_out(pod: Pod, node: Node) -> list[str]:
    """The plugins whose PreFilter narrows the nodes, if they leave this one out."""
    named = {}
    if pod.spec.node_name:
        named["NodeName"] = {pod.spec.node_name}
    affinity = only_names(pod)
    if affinity is not None:
        named["NodeAffinity"] = affinity
    return list(named) if any(node.name not in names for names in named.values()) else []


def only_names(pod: Pod) -> set[str] | None:
    terms = required_terms(pod)
    if not terms:
        return None
    union = set()
    for term in terms:
        lists = [set(f.values) for f in term.match_fields if f.key == "metadata.name" and f.operator == "In"]
        if not lists:
            return None
        union |= set.intersection(*lists)
    return union


def node_name(pod, node, _cluster):
    if pod.spec.node_name and pod.spec.node_name != node.name:
        return Rejection(NEVER, "NodeName", ("node(s) didn't match the requested node name",))
    return None


def node_unschedulable(pod, node, _cluster):
    if node.spec.unschedulable:
        for toleration in pod.spec.tolerations:
            if does_tolerate(toleration, "node.kubernetes.io/unschedulable", "", "NoSchedule"):
                return None
        return Rejection(NEVER, "NodeUnschedulable", ("node(s) were unschedulable",))
    return None


def taint_toleration(pod, node, _cluster):
    for taint in node.spec.taints:
        if taint.effect not in ("NoSchedule", "NoExecute"):
            continue
        if not any(does_tolerate(t, taint.key, taint.value, taint.effect) for t in pod.spec.tolerations):
            return Rejection(NEVER, "TaintToleration", ("node(s) had untolerated taint(s)",))
    return None


def does_tolerate(toleration, key, text, effect):
    if toleration.effect not in ("", effect) or toleration.key not in ("", key):
        return False
    if toleration.operator in ("", "Equal"):
        return toleration.value == text
    return toleration.operator == "Exists"


def node_affinity(pod, node, _cluster):
    labels = node.metadata.labels
    selected = all(labels.get(key) == text for key, text in pod.spec.node_selector.items())
    terms = required_terms(pod)
    if not selected or (terms is not None and not any(term_matches(term, node) for term in terms)):
        return Rejection(NEVER, "NodeAffinity", ("node(s) didn't match Pod's node affinity/selector",))
    return None


def required_terms(pod):
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
    return affinity.required.node_selector_terms if affinity and affinity.required else None


def term_matches(term, node):
    if not term.match_expressions and not term.match_fields:
        return False
    if not all(expression_is_valid(e) for e in term.match_expressions):
        return False
    if not all(f.operator in ("In", "NotIn") and len(f.values) == 1 for f in term.match_fields):
        return False
    return all(expression_matches(e, node.metadata.labels) for e in term.match_expressions) and all(
        field_matches(f, node) for f in term.match_fields
    )


def expression_is_valid(e):
    if e.operator in ("In", "NotIn"):
        return len(e.values) > 0
    if e.operator in ("Exists", "DoesNotExist"):
        return len(e.values) == 0
    return e.operator in ("Gt", "Lt") and len(e.values) == 1 and e.values[0].isdigit()


def expression_matches(e, labels):
    has = e.key in labels
    if e.operator == "In":
        return has and labels[e.key] in e.values
    if e.operator == "NotIn":
        return not has or labels[e.key] not in e.values
    if e.operator == "Exists":
        return has
    if e.operator == "DoesNotExist":
        return not has
    if not has or not labels[e.key].isdigit():
        return False
    number, bound = int(labels[e.key]), int(e.values[0])
    return number > bound if e.operator == "Gt" else number < bound


def field_matches(f, node):
    seen = node.name if f.key == "metadata.name" else ""
    return (seen in f.values) == (f.operator == "In")


def image_platform(images):
    def rule(pod, node, _cluster):
        found = match_pod(images, required_os(pod), node_platform(node))
        if found.outcome is Outcome.MATCH:
            return None
        return Rejection(NEVER, "ImagePlatform", (f"node(s) {found.reason}",))

    return rule


def node_ports(pod, node, cluster):
    taken = [port for other in cluster.on(node) for port in ports_of(other)]
    for ip, protocol, port in ports_of(pod):
        for other_ip, other_protocol, other_port in taken:
            if (port, protocol) == (other_port, other_protocol) and (ip == other_ip or ANY in (ip, other_ip)):
                return Rejection(NO, "NodePorts", ("node(s) didn't have free ports for the requested pod ports",))
    return None


def ports_of(pod):
    sidecars = [c for c in pod.spec.init_containers if c.restart_policy == "Always"]
    return [
        (port.host_ip or ANY, port.protocol or "TCP", port.host_port)
        for container in pod.spec.containers + sidecars
        for port in container.ports
        if port.host_port > 0
    ]


def fit(pod, node, cluster):
    reasons, hopeless = [], False
    if len(cluster.on(node)) + 1 > allocatable(node, "pods"):
        reasons.append("Too many pods")
    for name, amount in sorted(requests(pod).items()):
        if amount > 0 and amount > allocatable(node, name) - requested(node, name, cluster):
            reasons.append(f"Insufficient {name}")
            hopeless = hopeless or amount > allocatable(node, name)
    return Rejection(NEVER if hopeless else NO, "NodeResourcesFit", tuple(reasons)) if reasons else None


def spread(pod, node, cluster):
    return pod_twin.spread(pod, node, cluster, sys.modules[__name__])


def declared_features(pod, node, _cluster):
    needs = pod.spec.host_network and pod.spec.host_users is False
    if needs and "UserNamespacesHostNetworkSupport" not in node.status.declared_features:
        return Rejection(NEVER, "NodeDeclaredFeatures", ("node(s) didn't match Pod's required features",))
    return None


# Resources


def requests(pod: Pod, defaults: bool = False) -> dict[str, int]:
    """Whole units (thousandths of cpu) that the pod asks for; with ``defaults`` for containers that ask for none."""
    amounts: dict[str, int] = {}
    names = {"cpu", "memory"} | {
        name for c in pod.spec.containers + pod.spec.init_containers for name in c.resources.requests
    }
    for name in names | set(pod.spec.overhead):
        running = sum(asked(c, name, defaults) for c in pod.spec.containers)
        sidecars, peak = 0, 0
        for container in pod.spec.init_containers:
            own = asked(container, name, defaults)
            if container.restart_policy == "Always":
                sidecars += own
                peak = max(peak, sidecars)
            else:
                peak = max(peak, own + sidecars)
        amounts[name] = max(running + sidecars, peak) + quantity(name, pod.spec.overhead.get(name, 0))
    return amounts


def asked(container, name, defaults):
    if name in container.resources.requests:
        return quantity(name, container.resources.requests[name])
    return {"cpu": 100, "memory": 200 * MIB}.get(name, 0) if defaults else 0


def quantity(name, text):
    return milli_value(text) if name == "cpu" else value(text)


def allocatable(node, name):
    return quantity(name, node.status.allocatable.get(name, 0))


def requested(node, name, cluster, defaults=False):
    return sum(requests(pod, defaults).get(name, 0) for pod in cluster.on(node))


# Scores: node name -> plugin -> normalised score times weight


def scores(pod: Pod, feasible: list[Node], cluster: TwinCluster, platform_score=None) -> dict[str, dict[str, int]]:
    """``platform_score``: what ImagePlatform gives a node, when it has weights."""
    table: dict[str, dict[str, int]] = {node.name: {} for node in feasible}
    if not feasible:
        return table

    def enter(plugin, weight, by_node):
        for name, score in by_node.items():
            table[name][plugin] = score * weight

    if platform_score is not None:
        enter("ImagePlatform", 20, {node.name: platform_score(node) for node in feasible})
    taints = {node.name: discouraging(pod, node) for node in feasible}
    most = max(taints.values())
    enter("TaintToleration", 3, {n: 100 - 100 * raw // most if most else 100 for n, raw in taints.items()})
    if preferred_terms(pod):
        raw = {node.name: preference(pod, node) for node in feasible}
        most = max(raw.values())
        enter("NodeAffinity", 2, {n: 100 * r // most if most else 0 for n, r in raw.items()})
    enter("DynamicResources", 2, {node.name: 0 for node in feasible})
    for plugin, found in (
        ("PodTopologySpread", pod_twin.spread_scores(pod, feasible, cluster, sys.modules[__name__])),
        ("InterPodAffinity", pod_twin.affinity_scores(pod, feasible, cluster)),
    ):
        if found is not None:
            enter(plugin, 2, found)
    enter("NodeResourcesFit", 1, {node.name: least_allocated(pod, node, cluster) for node in feasible})
    if any(requests(pod).get(name) for name in ("cpu", "memory")):
        enter("NodeResourcesBalancedAllocation", 1, {node.name: balance(pod, node, cluster) for node in feasible})
    enter("VolumeBinding", 1, dict.fromkeys(table, 0))
    enter("ImageLocality", 1, {node.name: locality(pod, node, cluster) for node in feasible})
    return table


def discouraging(pod, node):
    tolerations = [t for t in pod.spec.tolerations if t.effect in ("", "PreferNoSchedule")]
    return sum(
        not any(does_tolerate(t, taint.key, taint.value, taint.effect) for t in tolerations)
        for taint in node.spec.taints
        if taint.effect == "PreferNoSchedule"
    )


def preferred_terms(pod):
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
    return affinity.preferred if affinity else []


def preference(pod, node):
    return sum(t.weight for t in preferred_terms(pod) if t.weight and term_matches(t.preference, node))


def least_allocated(pod, node, cluster):
    total = weights = 0
    for name in ("cpu", "memory"):
        capacity = allocatable(node, name)
        if capacity == 0:
            continue
        needed = requested(node, name, cluster, defaults=True) + requests(pod, defaults=True)[name]
        total += 0 if needed > capacity else (capacity - needed) * 100 // capacity
        weights += 1
    return total // weights if weights else 0


def balance(pod, node, cluster):
    before = evenness(node, {name: requested(node, name, cluster) for name in ("cpu", "memory")})
    after = evenness(node, {name: requested(node, name, cluster) + requests(pod)[name] for name in ("cpu", "memory")})
    return 50 + int((50 + after - before) / 2)


def evenness(node, amounts):
    fractions = [min(1.0, float(a) / float(allocatable(node, n))) for n, a in amounts.items() if allocatable(node, n)]
    if len(fractions) == 2:
        deviation = abs(fractions[0] - fractions[1]) / 2
    elif len(fractions) > 2:
        mean = math.fsum(fractions) / len(fractions)
        deviation = math.sqrt(math.fsum((f - mean) ** 2 for f in fractions) / len(fractions))
    else:
        deviation = 0.0
    return int((1 - deviation) * 100)


def locality(pod, node, cluster):
    images = [c.image for c in pod.spec.init_containers + pod.spec.containers]
    images += [v.image.reference for v in pod.spec.volumes if v.image is not None]
    total = 0
    for image in images:
        name = image if image.rfind(":") > image.rfind("/") else image + ":latest"
        having = [n for n in cluster.nodes if name in image_sizes(n)]
        if any(n.name == node.name for n in having):
            size = image_sizes(having[0])[name]
            total += int(float(size) * (float(len(having)) / float(len(cluster.nodes))))
    low, high = 23 * MIB, 1000 * MIB * len(images)
    return 100 * (min(max(total, low), high) - low) // (high - low)


def image_sizes(node):
    return {name: image.size_bytes for image in node.status.images for name in image.names or ()}
