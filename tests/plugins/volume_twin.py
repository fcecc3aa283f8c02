"""The twin of the plugins about storage: the same rules for one node at a time, walking all objects for every question.

Like ``twin``, it shares no code with the plugins but the API structs, quantities and the translation of old volume
kinds (``cluster.volumes.migration``), which has tests of its own. Answers are what a user reads: None for a node that
is possible, else (plugin, code, reasons).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from scheduler.api.quantity import value
from scheduler.cluster.volumes.migration import DRIVERS, UNCOUNTED, Untranslatable, plugin_of, translated
from scheduler.cluster.volumes.migration import translated_affinity as affinity_on_migrated

NO, NEVER, ERROR = "Unschedulable", "UnschedulableAndUnresolvable", "Error"
TOPOLOGY = ("failure-domain.beta.kubernetes.io/{}", "topology.kubernetes.io/{}")


@dataclass
class TwinStorage:
    """All objects, by kind."""

    nodes: list = field(default_factory=list)
    pods: list = field(default_factory=list)
    objects: list = field(default_factory=list)

    def all(self, kind):
        return [o for o in self.objects if type(o).__name__ == kind]

    def get(self, kind, name, namespace=""):
        for o in self.all(kind):
            if (o.metadata.name, o.metadata.namespace) == (name, namespace):
                return o
        return None

    def claim(self, pod, volume):
        return self.get("PersistentVolumeClaim", claim_name(pod, volume), pod.metadata.namespace)


def claim_name(pod, volume):
    if volume.persistent_volume_claim is not None:
        return volume.persistent_volume_claim.claim_name
    return f"{pod.metadata.name}-{volume.name}" if volume.ephemeral is not None else None


def is_owned(pod, claim):
    return any(owner.controller and owner.uid == pod.metadata.uid for owner in claim.metadata.owner_references)


def foreign(pod, claim):
    space = claim.metadata.namespace
    return f"PVC {space}/{claim.metadata.name} was not created for pod {pod.key} (pod is not owner)"


# VolumeRestrictions


def restrictions_prefilter(pod, storage):
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is not None and storage.claim(pod, volume) is None:
            return "VolumeRestrictions", NEVER, [f'persistentvolumeclaim "{claim_name(pod, volume)}" not found']
    return None


def restrictions(pod, node, storage, gone=(), come=()):
    """``gone`` and ``come``: pods that a dry run takes off the node, or puts there."""
    there = [p for p in storage.pods if p.spec.node_name == node.name and p not in gone] + list(come)
    for mine in pod.spec.volumes:
        if any(conflict(mine, theirs) for other in there for theirs in other.spec.volumes):
            return "VolumeRestrictions", NO, ["node(s) had no available disk"]
    single = set()
    for volume in pod.spec.volumes:
        claim = storage.claim(pod, volume) if volume.persistent_volume_claim is not None else None
        if claim is not None and "ReadWriteOncePod" in claim.spec.access_modes:
            single.add(claim.metadata.name)
    nodes = {n.name for n in storage.nodes}
    used = {
        v.persistent_volume_claim.claim_name
        for p in storage.pods
        if p.spec.node_name in nodes and p.metadata.namespace == pod.metadata.namespace
        for v in p.spec.volumes
        if v.persistent_volume_claim is not None
    }
    count = len(single & used) - references(gone, single) + references(come, single)
    if count > 0:
        reason = "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode"
        return "VolumeRestrictions", NO, [f"{reason} already in-use by another pod"]
    return None


def references(pods, names):
    volumes = [v.persistent_volume_claim for p in pods for v in p.spec.volumes]
    return sum(v is not None and v.claim_name in names for v in volumes)


def conflict(a, b):
    gce, other = a.gce_persistent_disk, b.gce_persistent_disk
    if gce and other and gce.pd_name == other.pd_name and not (gce.read_only and other.read_only):
        return True
    ebs, other = a.aws_elastic_block_store, b.aws_elastic_block_store
    if ebs and other and ebs.volume_id == other.volume_id:
        return True
    if a.iscsi and b.iscsi and a.iscsi.iqn == b.iscsi.iqn and not (a.iscsi.read_only and b.iscsi.read_only):
        return True
    if a.rbd and b.rbd:
        same = (a.rbd.pool, a.rbd.image) == (b.rbd.pool, b.rbd.image) and set(a.rbd.monitors) & set(b.rbd.monitors)
        return bool(same) and not (a.rbd.read_only and b.rbd.read_only)
    return False


# NodeVolumeLimits


class Fault(Exception):
    """What ends the attempt."""


def limits(pod, node, storage):
    csi_node = storage.get("CSINode", node.name)
    for volume in pod.spec.volumes:
        name = claim_name(pod, volume)
        if name is not None and storage.claim(pod, volume) is None:
            where = f"{pod.metadata.namespace}/{name}"
            reason = f'looking up PVC {where}: persistentvolumeclaim "{name}" not found'
            return "NodeVolumeLimits", NEVER, [reason]
        if volume.ephemeral is not None and not is_owned(pod, storage.claim(pod, volume)):
            return limits_fault(foreign(pod, storage.claim(pod, volume)))
    try:
        new = attachable(pod, csi_node, storage)
        absent = missing_driver(new, csi_node, storage)
        if absent is not None:
            return "NodeVolumeLimits", NO, [f"{absent} CSI driver is not installed on the node"]
        most = {d.name: d.limit for d in csi_node.spec.drivers if d.limit is not None} if csi_node else {}
        used = used_on(node, csi_node, storage) if new and most else set()
    except Fault as fault:
        return limits_fault(fault)
    there = used | attached(node, storage)
    for driver in {driver for driver, _ in new - used} & set(most):
        total = len([d for d, _ in there if d == driver]) + len([d for d, _ in new - used if d == driver])
        if total > most[driver]:
            return "NodeVolumeLimits", NO, ["node(s) exceed max volume count"]
    return None


def limits_fault(fault):
    return "NodeVolumeLimits", ERROR, [f'running "NodeVolumeLimits" filter plugin: {fault}']


def missing_driver(new, csi_node, storage):
    for driver in sorted({driver for driver, _ in new}):
        known = storage.get("CSIDriver", driver)
        required = known is not None and known.spec.prevent_pod_scheduling_if_missing
        if required and (csi_node is None or driver not in [d.name for d in csi_node.spec.drivers]):
            return driver
    return None


def used_on(node, csi_node, storage):
    """What the pods of a node use; the first of all faults by its text, so that order makes no difference."""
    used, faults = set(), []
    for other in storage.pods:
        if other.spec.node_name == node.name:
            try:
                used |= attachable(other, csi_node, storage)
            except Fault as fault:
                faults.append(fault)
    if faults:
        raise min(faults, key=str)
    return used


def attachable(pod, csi_node, storage):
    """{(driver, handle)} of a pod's volumes."""
    found, fault = set(), None
    for volume in pod.spec.volumes:
        claim = storage.claim(pod, volume)
        if claim_name(pod, volume) is None:
            if plugin_of(volume) in DRIVERS and csi_node is not None:
                try:
                    found.add(tuple(translated(volume, {})))
                except Untranslatable as error:
                    fault = fault or f"converting volume({volume.name}) from inline to csi: {error}"
        elif claim is not None:
            if volume.ephemeral is not None and not is_owned(pod, claim):
                fault = fault or foreign(pod, claim)
            found |= {driver_and_handle(claim, csi_node, storage)} - {None}
    if fault:
        raise Fault(fault)
    return found


def driver_and_handle(claim, csi_node, storage):
    volume = storage.get("PersistentVolume", claim.spec.volume_name)
    if volume is None:
        storage_class = storage.get("StorageClass", claim.storage_class)
        if storage_class is None or not storage_class.provisioner or storage_class.provisioner in UNCOUNTED:
            return None
        handle = f"unbound {claim.key}"
        if storage_class.provisioner in DRIVERS:
            return (DRIVERS[storage_class.provisioner], handle) if csi_node is not None else None
        return storage_class.provisioner, handle
    if volume.spec.csi is not None:
        return volume.spec.csi.driver, volume.spec.csi.volume_handle
    if plugin_of(volume.spec) not in DRIVERS or csi_node is None:
        return None
    try:
        return tuple(translated(volume.spec, volume.metadata.labels))
    except Untranslatable:
        return None


def attached(node, storage):
    found = set()
    for attachment in storage.all("VolumeAttachment"):
        volume = storage.get("PersistentVolume", attachment.spec.source.persistent_volume_name)
        if attachment.spec.node_name == node.name and volume is not None and volume.spec.csi is not None:
            found.add((attachment.spec.attacher, volume.spec.csi.volume_handle))
    return found


# VolumeBinding


def binding_prefilter(pod, storage):
    claims = []
    for volume in pod.spec.volumes:
        name = claim_name(pod, volume)
        if name is None:
            continue
        claim = storage.claim(pod, volume)
        reason = None
        if claim is None and volume.ephemeral is not None:
            reason = f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{name}"'
        elif claim is None:
            reason = f'persistentvolumeclaim "{name}" not found'
        elif claim.status.phase == "Lost":
            gone = claim.spec.volume_name
            reason = f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{gone}"'
        elif claim.metadata.deletion_timestamp is not None:
            reason = f'persistentvolumeclaim "{name}" is being deleted'
        elif volume.ephemeral is not None and not is_owned(pod, claim):
            reason = foreign(pod, claim)
        if reason is not None:
            return "VolumeBinding", NEVER, [reason]
        claims.append(claim)
    if any(not bound(claim) and not waits(claim, storage) for claim in claims):
        return "VolumeBinding", NEVER, ["pod has unbound immediate PersistentVolumeClaims"]
    return None


def bound(claim):
    return bool(claim.spec.volume_name) and "pv.kubernetes.io/bind-completed" in claim.metadata.annotations


def waits(claim, storage):
    storage_class = storage.get("StorageClass", claim.storage_class)
    mode = storage_class.volume_binding_mode if storage_class else None
    return mode == "WaitForFirstConsumer" and not claim.spec.volume_name


def binding(pod, node, storage):
    """(answer, static bindings, provisions with their capacities)"""
    claims = [storage.claim(pod, v) for v in pod.spec.volumes if claim_name(pod, v) is not None]
    reasons, csi_node = [], storage.get("CSINode", node.name)
    gone = False
    for claim in filter(bound, claims):
        volume = storage.get("PersistentVolume", claim.spec.volume_name)
        if volume is None:
            gone = True
            break
        affinity = volume.spec.node_affinity.required if volume.spec.node_affinity else None
        plugin = plugin_of(volume.spec)
        if plugin in DRIVERS and csi_node is not None and plugin in csi_node.migrated_plugins:
            try:
                affinity = affinity_on_migrated(volume)
            except Untranslatable as error:
                reason = f'running "VolumeBinding" filter plugin: could not translate pv: {error}'
                return ("VolumeBinding", ERROR, [reason]), [], []
        if not reached(affinity, node):
            reasons.append("node(s) didn't match PersistentVolume's node affinity")
            break
    problem, static, dynamic = unbound(pod, [c for c in claims if not bound(c)], node, storage)
    reasons += [problem] if problem else []
    reasons += ["node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"] if gone else []
    return (("VolumeBinding", NEVER, reasons) if reasons else None), static, dynamic


def reached(affinity, node):
    if affinity is None:
        return True
    return any(
        term.match_expressions and all(node.metadata.labels.get(e.key) in e.values for e in term.match_expressions)
        for term in affinity.node_selector_terms
    )


def unbound(pod, claims, node, storage):
    """(reason, static, dynamic)"""
    no_volume = "node(s) didn't find available persistent volumes to bind"
    selected, free = [], []
    for claim in claims:
        where = claim.metadata.annotations.get("volume.kubernetes.io/selected-node")
        if where is not None and where != node.name:
            return no_volume, [], []
        (free if where is None else selected).append(claim)
    static, dynamic, missing = [], [], []
    for claim in sorted(free, key=asked):
        volume = best_volume(claim, node, storage, [v for _, v in static])
        if volume is None:
            missing.append(claim)
        else:
            static.append((claim, volume))
    for claim in selected + missing:
        storage_class = storage.get("StorageClass", claim.storage_class)
        if storage_class.provisioner == "kubernetes.io/no-provisioner" or not is_allowed(storage_class, node):
            return no_volume, [], []
        capacity = None
        driver = storage.get("CSIDriver", storage_class.provisioner)
        if driver is not None and driver.spec.storage_capacity:
            enough = [c for c in storage.all("CSIStorageCapacity") if can_hold(c, claim, node)]
            if not enough:
                return "node(s) did not have enough free storage", [], []
            capacity = min(enough, key=lambda c: c.key)
        dynamic.append((claim, capacity))
    return None, static, dynamic


def asked(claim):
    return value(claim.spec.resources.requests.get("storage", 0))


def best_volume(claim, node, storage, taken):
    candidates = []
    for volume in sorted(storage.all("PersistentVolume"), key=lambda v: v.name):
        mine = volume.spec.claim_ref is not None and volume.is_for(claim)
        affinity = volume.spec.node_affinity.required if volume.spec.node_affinity else None
        if (
            volume in taken
            or (volume.spec.claim_ref is not None and not mine)
            or volume.storage_class != claim.storage_class
            or value(volume.spec.capacity["storage"]) < asked(claim)
            or volume.spec.volume_mode != claim.spec.volume_mode
            or (volume.spec.volume_attributes_class_name or "") != (claim.spec.volume_attributes_class_name or "")
            or volume.metadata.deletion_timestamp is not None
        ):
            continue
        if mine:
            return volume if reached(affinity, node) else None
        selector = claim.spec.selector
        if (
            volume.status.phase == "Available"
            and (selector is None or selector.selects(volume.metadata.labels))
            and reached(affinity, node)
            and set(claim.spec.access_modes) <= set(volume.spec.access_modes)
        ):
            candidates.append(volume)
    return min(candidates, key=lambda v: (value(v.spec.capacity["storage"]), v.name), default=None)


def is_allowed(storage_class, node):
    terms = storage_class.allowed_topologies
    return not terms or any(
        term.match_label_expressions
        and all(node.metadata.labels.get(e.key) in e.values for e in term.match_label_expressions)
        for term in terms
    )


def can_hold(capacity, claim, node):
    if capacity.storage_class_name != claim.storage_class or capacity.node_topology is None:
        return False
    largest = capacity.maximum_volume_size if capacity.maximum_volume_size is not None else capacity.capacity
    return (
        largest is not None and value(largest) >= asked(claim) and capacity.node_topology.selects(node.metadata.labels)
    )


def binding_score(static, dynamic):
    sums = {}
    for claim, volume in static:
        entry = sums.setdefault(volume.spec.storage_class_name, [0, 0])
        entry[0] += asked(claim)
        entry[1] += value(volume.spec.capacity["storage"])
    if not static:
        for claim, capacity in dynamic:
            if capacity is not None and capacity.capacity is not None:
                entry = sums.setdefault(claim.storage_class, [0, 0])
                entry[0] += asked(claim)
                entry[1] = value(capacity.capacity)
    if not sums:
        return 0
    percents = [100 if there == 0 or a > there else a * 100 // there for a, there in sums.values()]
    total = sum(100 - percent for percent in percents)
    return int(total / len(percents) + 0.5)


# VolumeZone


def zone_prefilter(pod, storage):
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is None:
            continue
        reason = zone_problem(claim_name(pod, volume), storage.claim(pod, volume), storage)
        if reason is not None:
            return "VolumeZone", NEVER, [reason]
    return None


def zone_problem(name, claim, storage):
    if claim is None:
        return f'persistentvolumeclaim "{name}" not found'
    if claim.spec.volume_name:
        known = storage.get("PersistentVolume", claim.spec.volume_name)
        return None if known else f'persistentvolume "{claim.spec.volume_name}" not found'
    if not claim.storage_class:
        return "PersistentVolumeClaim had no pv name and storageClass name"
    storage_class = storage.get("StorageClass", claim.storage_class)
    if storage_class is None:
        return f'storageclass.storage.k8s.io "{claim.storage_class}" not found'
    waiting = storage_class.volume_binding_mode == "WaitForFirstConsumer"
    return None if waiting else "PersistentVolume had no name"


def zone(pod, node, storage):
    labels = node.metadata.labels
    keys = [old_or_new.format(what) for old_or_new in TOPOLOGY for what in ("zone", "region")]
    if not any(key in labels for key in keys):
        return None
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is None:
            continue
        name = storage.claim(pod, volume).spec.volume_name
        for key in keys if name else ():
            allowed = storage.get("PersistentVolume", name).metadata.labels.get(key)
            today = key.replace("failure-domain.beta", "topology")
            if allowed is not None and labels.get(key, labels.get(today)) not in allowed.split("__"):
                return "VolumeZone", NEVER, ["node(s) had no available volume zone"]
    return None
