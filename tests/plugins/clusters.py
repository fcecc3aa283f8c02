"""Small random clusters, rich in collisions: few values for everything, so that rules meet."""

from __future__ import annotations

from hypothesis import strategies as st
from msgspec import convert, to_builtins
from msgspec.structs import replace

from scheduler.api.meta import ObjectMeta
from scheduler.api.namespace import Namespace
from scheduler.api.workloads import ReplicaSet, Service
from scheduler.images.content import FailureCause
from tests.builders import a_constraint, a_container, a_node, a_pod, a_pod_term, a_taint, decoded
from tests.images.builders import AMD64, ARM64, WINDOWS_2022, a_failure, an_image, an_index, resolved

NODE_NAMES = ["n0", "n1", "n2", "n3", "n4"]
KEYS = st.sampled_from(["disk", "gen", "zone"])
VALUES = st.sampled_from(["ssd", "hdd", "1", "2", "10"])
LABELS = st.dictionaries(KEYS, VALUES, max_size=3)
IMAGES = {"app:1": 900 * 2**20, "app:latest": 40 * 2**20, "tool:2": 300 * 2**20}

TAINTS = st.lists(
    st.builds(
        a_taint,
        st.sampled_from(["a", "b", "node.kubernetes.io/unschedulable"]),
        st.sampled_from(["", "x"]),
        st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
    ),
    max_size=2,
)
TOLERATIONS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "key": st.sampled_from(["a", "b", "node.kubernetes.io/unschedulable"]),
            "operator": st.sampled_from(["Exists", "Equal", "Gt"]),
            "value": st.sampled_from(["", "x"]),
            "effect": st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
        },
    ),
    max_size=2,
)

EXPRESSIONS = st.one_of(
    st.fixed_dictionaries(
        {"key": KEYS, "operator": st.sampled_from(["In", "NotIn"]), "values": st.lists(VALUES, max_size=2)}
    ),
    st.fixed_dictionaries({"key": KEYS, "operator": st.sampled_from(["Exists", "DoesNotExist"])}),
    st.fixed_dictionaries(
        {"key": KEYS, "operator": st.sampled_from(["Gt", "Lt"]), "values": st.lists(VALUES, min_size=1, max_size=1)}
    ),
)
FIELDS = st.fixed_dictionaries(
    {
        "key": st.sampled_from(["metadata.name", "metadata.name", "spec.other"]),
        "operator": st.sampled_from(["In", "NotIn"]),
        "values": st.lists(st.sampled_from([*NODE_NAMES, "gone"]), min_size=1, max_size=1),
    }
)
TERMS = st.fixed_dictionaries(
    {}, optional={"matchExpressions": st.lists(EXPRESSIONS, max_size=2), "matchFields": st.lists(FIELDS, max_size=2)}
)
VALID_EXPRESSIONS = st.one_of(
    st.fixed_dictionaries({"key": KEYS, "operator": st.just("In"), "values": st.lists(VALUES, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"key": KEYS, "operator": st.sampled_from(["Exists", "DoesNotExist"])}),
)
PREFERENCES = st.lists(
    st.fixed_dictionaries(
        {
            "weight": st.sampled_from([0, 1, 50, 100]),
            "preference": st.fixed_dictionaries(
                {}, optional={"matchExpressions": st.lists(VALID_EXPRESSIONS, max_size=2)}
            ),
        }
    ),
    max_size=3,
)


@st.composite
def node_affinities(draw):
    affinity = {"preferredDuringSchedulingIgnoredDuringExecution": draw(PREFERENCES)}
    if draw(st.booleans()):
        terms = draw(st.lists(TERMS, max_size=2))
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": terms}
    return affinity


REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "cpu": st.sampled_from(["0", "500m", "1", "3"]),
        "memory": st.sampled_from(["0", "512Mi", "1Gi", "3Gi"]),
        "example.com/gpu": st.sampled_from(["0", "1"]),
        "ephemeral-storage": st.sampled_from(["1Gi", "9Gi"]),
    },
)
PORTS = st.lists(
    st.fixed_dictionaries(
        {"hostPort": st.sampled_from([0, 80, 81])},
        optional={"hostIP": st.sampled_from(["", "127.0.0.1", ".".join("0000")]), "protocol": st.just("UDP")},
    ),
    max_size=2,
)
CONTAINERS = st.builds(a_container, st.just("c"), REQUESTS, image=st.sampled_from([*IMAGES, "app"]), ports=PORTS)


# What pods say about other pods

NAMESPACES = ["default", "far"]
POD_LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["a", "b"]), max_size=2)
SELECTORS = st.one_of(
    st.none(),
    st.just({}),
    st.fixed_dictionaries({"matchLabels": st.dictionaries(st.just("app"), st.sampled_from(["a", "b"]), min_size=1)}),
    st.fixed_dictionaries({"matchLabels": st.dictionaries(st.just("app"), st.sampled_from(["a", "b"]), min_size=1)}),
    st.fixed_dictionaries(
        {
            "matchExpressions": st.lists(
                st.one_of(
                    st.fixed_dictionaries(
                        {
                            "key": st.sampled_from(["app", "tier"]),
                            "operator": st.sampled_from(["In", "NotIn"]),
                            "values": st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=2),
                        }
                    ),
                    st.fixed_dictionaries(
                        {
                            "key": st.sampled_from(["app", "tier"]),
                            "operator": st.sampled_from(["Exists", "DoesNotExist"]),
                        }
                    ),
                ),
                min_size=1,
                max_size=2,
            )
        }
    ),
)
HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
TOPOLOGY_KEYS = st.sampled_from([HOSTNAME, ZONE, ZONE, "disk"])
POLICIES = st.sampled_from([None, "Honor", "Ignore"])
CONSTRAINTS = st.lists(
    st.builds(
        a_constraint,
        TOPOLOGY_KEYS,
        SELECTORS,
        soft=st.booleans(),
        skew=st.integers(1, 3),
        minDomains=st.sampled_from([None, None, 1, 3]),
        nodeAffinityPolicy=POLICIES,
        nodeTaintsPolicy=POLICIES,
        matchLabelKeys=st.sampled_from([[], [], ["tier"]]),
    ),
    max_size=2,
)
NO_TEAM = {"key": "team", "operator": "DoesNotExist"}
POD_TERMS = st.builds(
    lambda key, selector, more: a_pod_term(key, selector, **more),
    TOPOLOGY_KEYS,
    SELECTORS,
    st.fixed_dictionaries(
        {},
        optional={
            "namespaces": st.lists(st.sampled_from(NAMESPACES), max_size=1),
            "namespaceSelector": st.sampled_from(
                [
                    {},
                    {"matchLabels": {"team": "x"}},
                    {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]},
                ]
            ),
        },
    ),
)
POD_AFFINITIES = st.fixed_dictionaries(
    {
        "requiredDuringSchedulingIgnoredDuringExecution": st.lists(POD_TERMS, max_size=2),
        "preferredDuringSchedulingIgnoredDuringExecution": st.lists(
            st.fixed_dictionaries({"weight": st.sampled_from([1, 30, 100]), "podAffinityTerm": POD_TERMS}), max_size=2
        ),
    }
)
ABOUT_PODS = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"topologySpreadConstraints": CONSTRAINTS}),
    st.fixed_dictionaries(
        {
            "affinity": st.fixed_dictionaries(
                {}, optional={"podAffinity": POD_AFFINITIES, "podAntiAffinity": POD_AFFINITIES}
            )
        }
    ),
)
TEAMS = st.sampled_from([{}, {"team": "x"}, {"team": "y"}])
NAMESPACE_LABELS = st.dictionaries(st.sampled_from(NAMESPACES), TEAMS)
REPLICA_SET = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "rs", "controller": True}


def a_namespace(name, labels):
    return decoded({"metadata": {"name": name, "labels": labels}}, Namespace)


@st.composite
def workloads(draw):
    metadata = {"namespace": draw(st.sampled_from(NAMESPACES))}
    if draw(st.booleans()):
        selector = draw(st.sampled_from([None, {}, {"app": "a"}, {"tier": "b"}]))
        name = draw(st.sampled_from(["s", "t"]))
        return decoded({"metadata": {**metadata, "name": name}, "spec": {"selector": selector}}, Service)
    return decoded({"metadata": {**metadata, "name": "rs"}, "spec": {"selector": draw(SELECTORS)}}, ReplicaSet)


@st.composite
def nodes(draw, name):
    scalars = draw(st.sampled_from([{}, {"example.com/gpu": "1"}, {"ephemeral-storage": "10Gi"}]))
    os, architecture = draw(st.sampled_from([("linux", "amd64"), ("linux", "arm64"), ("windows", "amd64")]))
    return a_node(
        name,
        cpu=draw(st.sampled_from(["0", "1", "2", "4"])),
        memory=draw(st.sampled_from(["0", "1Gi", "2Gi", "4Gi"])),
        pods=draw(st.sampled_from(["0", "1", "2", "110"])),
        allocatable=scalars,
        labels={
            **draw(LABELS),
            **draw(st.sampled_from([{}, {ZONE: "a"}, {ZONE: "a"}, {ZONE: "b"}, {ZONE: ""}])),
            **draw(st.sampled_from([{}, {HOSTNAME: name}, {HOSTNAME: name}])),
        },
        taints=draw(TAINTS),
        unschedulable=draw(st.booleans()),
        images={image: IMAGES[image] for image in draw(st.sets(st.sampled_from(sorted(IMAGES))))},
        os=os,
        architecture=architecture,
        kernel="10.0.20348.2700" if os == "windows" else "6.12.0",
        features=draw(st.sampled_from([[], ["UserNamespacesHostNetworkSupport"]])),
    )


@st.composite
def pods(draw, name, on=""):
    init = draw(st.lists(CONTAINERS, max_size=2))
    for container in init:
        if draw(st.booleans()):
            container["restartPolicy"] = "Always"
    about_pods = draw(ABOUT_PODS)
    node_affinity = draw(st.none() | node_affinities())
    affinity = {**about_pods.get("affinity", {}), **({"nodeAffinity": node_affinity} if node_affinity else {})}
    pod = a_pod(
        name,
        namespace=draw(st.sampled_from(["default", "default", "far"])),
        labels=draw(POD_LABELS),
        on=on,
        containers=draw(st.lists(CONTAINERS, min_size=1, max_size=2)),
        selector=draw(st.one_of(st.just({}), st.just({}), LABELS)),
        tolerations=draw(TOLERATIONS),
        spec={
            **about_pods,
            **({"affinity": affinity} if affinity else {}),
            "hostNetwork": True,
            **draw(st.sampled_from([{}, {}, {"hostUsers": False}])),
            "initContainers": init,
            "overhead": draw(st.sampled_from([{}, {}, {"cpu": "250m"}])),
            "volumes": draw(st.sampled_from([[], [{"name": "v", "image": {"reference": "tool:2"}}]])),
        },
    )
    owned = draw(st.sampled_from([{}, {}, {"ownerReferences": [REPLICA_SET]}]))
    terminating = draw(st.sampled_from([{}, {}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}])) if on else {}
    metadata = {**to_builtins(pod.metadata), **owned, **terminating}
    return replace(pod, metadata=convert(metadata, ObjectMeta))


ANSWERS = st.sampled_from(
    [
        an_index(AMD64, ARM64, WINDOWS_2022),
        an_index(AMD64, ARM64, WINDOWS_2022),
        an_index(AMD64),
        an_image(ARM64),
        an_index(WINDOWS_2022),
        a_failure(FailureCause.TIMEOUT),
    ]
)
"""What may be known of one image; most fit somewhere."""

IMAGE_LISTS = st.lists(ANSWERS.map(resolved), max_size=2).map(tuple)
