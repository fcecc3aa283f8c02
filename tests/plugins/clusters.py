"""Small random clusters, rich in collisions: few values for everything, so that rules meet."""

from __future__ import annotations

from hypothesis import strategies as st

from scheduler.images.content import FailureCause
from tests.builders import a_container, a_node, a_pod, a_taint
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
        labels=draw(LABELS),
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
    return a_pod(
        name,
        on=on,
        containers=draw(st.lists(CONTAINERS, min_size=1, max_size=2)),
        selector=draw(st.one_of(st.just({}), st.just({}), LABELS)),
        node_affinity=draw(st.none() | node_affinities()),
        tolerations=draw(TOLERATIONS),
        spec={
            "hostNetwork": True,
            **draw(st.sampled_from([{}, {}, {"hostUsers": False}])),
            "initContainers": init,
            "overhead": draw(st.sampled_from([{}, {}, {"cpu": "250m"}])),
            "volumes": draw(st.sampled_from([[], [{"name": "v", "image": {"reference": "tool:2"}}]])),
        },
    )


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
