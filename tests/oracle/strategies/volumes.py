"""Claims in every state, volumes of every origin, and pods that use them, with what is known of drivers and capacity.

`volume_objects` has the objects themselves; here they are put together. All claims live in the pending pod's namespace
or in `default`, where most pods are, so that pods share them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.oracle.recordings import Object
from tests.oracle.strategies import objects
from tests.oracle.strategies import volume_objects as make
from tests.oracle.strategies.family import Cluster, Family
from tests.oracle.strategies.parts import merged
from tests.oracle.strategies.vocabulary import ZONES

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROUGH_STATES = ("immediate", "without class", "unknown class", "lost volume", "lost", "half bound", "deleted")
_CLAIM_STATES = (*["bound"] * 8, *["waiting"] * 8, *["selected"] * 2, *_ROUGH_STATES)


def complete(draw: st.DrawFn, cluster: Cluster) -> None:
    """Add storage, and let the pods use it."""
    cluster.others += _storage(draw, cluster.node_names)
    spaces = ["default", "default", cluster.pending["metadata"]["namespace"]]
    claims = [_claim(draw, number, draw(st.sampled_from(spaces)), cluster) for number in range(draw(st.integers(0, 5)))]
    for number in range(draw(st.integers(0, 3))):
        cluster.others.append(_free_volume(draw, number, cluster.node_names, claims))
    for place, pod in enumerate(cluster.placed):
        if draw(st.booleans()):
            cluster.placed[place] = merged(pod, _uses(draw, pod, claims, cluster))
    cluster.pending = merged(cluster.pending, _uses(draw, cluster.pending, claims, cluster))
    if draw(st.integers(0, 3)) == 0:
        cluster.others.append(_attachment(draw, cluster))


def _storage(draw: st.DrawFn, nodes: Sequence[str]) -> list[Object]:
    zones = st.sampled_from([None, None, list(ZONES[:1]), list(ZONES[1:])])
    made = [make.storage_class(name, draw(zones)) for name in make.CLASSES]
    made += [
        make.csi_driver("csi.example.com", capacity=draw(st.booleans()), required=False),
        make.csi_driver("csi.other.io", capacity=False, required=True),
    ]
    counts = st.sampled_from([None, 1, 1, 2, 25])
    for node in nodes:
        if draw(st.integers(0, 5)):
            drivers = {name: draw(counts) for name in make.DRIVERS if draw(st.integers(0, 3))}
            migrated = draw(st.sampled_from([None, "", *make.MIGRATED[:1], ",".join(make.MIGRATED)]))
            made.append(make.csi_node(node, drivers, migrated))
    # Where two capacities of a class cover a node, chance decides which of them the node is scored by.
    zones_covered = st.sampled_from([[], [None], ZONES[:2], ZONES])
    amounts = st.sampled_from([("20Gi", None), ("1Gi", None), ("100Gi", "3Gi"), ("0", None)])
    for name in ("waiting", "other"):
        made += [make.capacity(name, zone, *draw(amounts)) for zone in draw(zones_covered)]
    return made


def _claim(draw: st.DrawFn, number: int, namespace: str, cluster: Cluster) -> Object:
    """A claim in some state, added to the cluster with the volume that it is bound to."""
    state = draw(st.sampled_from(_CLAIM_STATES))
    claim = make.claim(
        f"claim-{number}",
        namespace,
        number,
        draw(st.sampled_from(["1Gi", "2Gi", "5Gi"])),
        draw(st.sampled_from(["ReadWriteOnce", "ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"])),
    )
    cluster.others.append(claim)
    spec, metadata = claim["spec"], claim["metadata"]
    if state in ("waiting", "selected", "deleted"):
        spec["storageClassName"] = draw(st.sampled_from(["waiting", "waiting", "other", "local"]))
    if state in ("immediate", "unknown class"):
        spec["storageClassName"] = "immediate" if state == "immediate" else "gone"
    if state == "waiting" and draw(st.integers(0, 3)) == 0:
        spec["volumeAttributesClassName"] = "gold"
    if state == "selected":
        metadata["annotations"] = {make.SELECTED_NODE: draw(st.sampled_from([*cluster.node_names, "gone"]))}
    if state == "deleted":
        metadata |= objects.terminating()["metadata"] | {"finalizers": ["kubernetes.io/pvc-protection"]}
    if state == "lost":
        claim["status"] = {"phase": "Lost"}
        spec["volumeName"] = "volume-gone"
    if state == "lost volume":
        make.bind(claim, "volume-gone")
    if state in ("bound", "half bound"):
        cluster.others.append(_bound_volume(draw, number, claim, cluster.node_names))
    if state == "half bound":
        del metadata["annotations"]
        spec["storageClassName"] = "waiting"
    return claim


def _bound_volume(draw: st.DrawFn, number: int, claim: Object, nodes: Sequence[str]) -> Object:
    source = draw(st.sampled_from(make.SOURCES))(number)
    volume = make.volume(f"volume-{number}", 3100 + number, claim["spec"]["resources"]["requests"]["storage"], source)
    make.bind(claim, volume["metadata"]["name"])
    metadata = claim["metadata"]
    volume["spec"] |= {
        "accessModes": claim["spec"]["accessModes"],
        "claimRef": {"namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]},
    }
    volume["status"] = {"phase": "Bound"}
    where = draw(st.sampled_from(["anywhere", "anywhere", "label", "label", "zone", "node"]))
    if where == "label":
        volume["metadata"]["labels"] = draw(st.sampled_from(make.TOPOLOGY_LABELS))
    if where == "zone":
        volume["spec"]["nodeAffinity"] = make.in_zones(draw(st.lists(st.sampled_from(ZONES), min_size=1, unique=True)))
    if where == "node":
        volume["spec"]["nodeAffinity"] = make.on_node(draw(st.sampled_from(nodes)))
    return volume


def _free_volume(draw: st.DrawFn, number: int, nodes: Sequence[str], claims: Sequence[Object]) -> Object:
    """A volume that waits for a claim: of the right size, mode and place, or nearly."""
    name = f"free-{number}"
    volume = make.volume(name, 3200 + number, draw(st.sampled_from(["1Gi", "2Gi", "10Gi"])), make.local(number))
    volume["spec"] |= {
        "accessModes": draw(st.sampled_from([["ReadWriteOnce"], ["ReadWriteOnce", "ReadWriteMany"]])),
        "storageClassName": draw(st.sampled_from(["local", "waiting"])),
        "nodeAffinity": make.on_node(draw(st.sampled_from(nodes))),
    }
    volume["status"] = {"phase": draw(st.sampled_from(["Available", "Available", "Available", "Released"]))}
    flaw = draw(st.sampled_from([None, None, None, "block", "deleted", "gold", "taken"]))
    if flaw == "block":
        volume["spec"]["volumeMode"] = "Block"
    if flaw == "gold":
        volume["spec"] |= {"volumeAttributesClassName": "gold", **make.csi(number)}
        del volume["spec"]["local"]
    if flaw == "deleted":
        volume["metadata"] |= objects.terminating()["metadata"] | {"finalizers": ["kubernetes.io/pv-protection"]}
    if flaw == "taken" and claims:
        metadata = draw(st.sampled_from(claims))["metadata"]
        volume["spec"]["claimRef"] = {"namespace": metadata["namespace"], "name": metadata["name"]}
    return volume


def _uses(draw: st.DrawFn, pod: Object, claims: Sequence[Object], cluster: Cluster) -> Object:
    """The volumes of a pod."""
    namespace = pod["metadata"]["namespace"]
    names = [claim["metadata"]["name"] for claim in claims if claim["metadata"]["namespace"] == namespace]
    volumes = []
    kinds = st.sampled_from(["claim", "claim", "claim", "claim", "claim", "inline", "inline", "ephemeral"])
    for number, kind in enumerate(draw(st.lists(kinds, min_size=1, max_size=2))):
        name = f"data-{number}"
        if kind == "claim" and names:
            claim = draw(st.sampled_from([*names, *names, *names, *names, *names, "nowhere"]))
            volumes.append({"name": name, "persistentVolumeClaim": {"claimName": claim}})
        elif kind != "ephemeral":
            volumes.append({"name": name, **draw(st.sampled_from(make.INLINE))})
        else:
            volumes.append({"name": name, "ephemeral": {"volumeClaimTemplate": {"spec": make.ephemeral_spec()}}})
            _own_claim(draw, pod, name, cluster)
    return {"spec": {"volumes": volumes}}


def _own_claim(draw: st.DrawFn, pod: Object, volume: str, cluster: Cluster) -> None:
    """The claim that the controller makes for an ephemeral volume: not yet there, or somebody else's, now and then."""
    state = draw(st.sampled_from(["owned", "owned", "owned", "foreign", "absent"]))
    if state == "absent":
        return
    name = f"{pod['metadata']['name']}-{volume}"
    number = 100 + len(cluster.others)
    claim = make.claim(name, pod["metadata"]["namespace"], number, "1Gi", "ReadWriteOnce")
    claim["spec"]["storageClassName"] = "waiting"
    if state == "owned":
        owner = {key: pod["metadata"][key] for key in ("name", "uid")}
        claim["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "Pod", "controller": True, **owner}]
    cluster.others.append(claim)


def _attachment(draw: st.DrawFn, cluster: Cluster) -> Object:
    names = [each["metadata"]["name"] for each in cluster.others if each["kind"] == "PersistentVolume"]
    volume = draw(st.sampled_from([*names, "volume-gone"]))
    return make.attachment(draw(st.sampled_from(cluster.node_names)), volume)


FAMILY = Family("volumes", placed=objects.CROWD, pending=objects.CROWD, complete=complete, most_nodes=4, most_placed=6)
