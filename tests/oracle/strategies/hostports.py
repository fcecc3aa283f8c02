"""Host ports: few numbers, protocols and addresses, on containers, sidecars and init containers."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.recordings import Object
from tests.oracle.strategies.family import Family
from tests.oracle.strategies.parts import Part, some


@st.composite
def _port(draw: st.DrawFn) -> Object:
    number = draw(st.sampled_from([80, 8080]))
    address = draw(st.sampled_from(["", "", "0.0.0.0", "127.0.0.1", "10.0.0.1", "::"]))  # noqa: S104 - what is tested
    protocol = draw(st.sampled_from(["TCP", "TCP", "UDP", "SCTP"]))
    return {
        "containerPort": number,
        "hostPort": number,
        "protocol": protocol,
        **({"hostIP": address} if address else {}),
    }


@st.composite
def pod_ports(draw: st.DrawFn) -> Part:
    """A pod that wants up to three ports of its node, each once."""
    ports = draw(
        st.lists(
            _port(),
            min_size=1,
            max_size=3,
            unique_by=lambda port: (port["hostPort"], port["protocol"], port.get("hostIP", "")),
        )
    )
    where = draw(st.sampled_from(["main", "main", "main", "network", "sidecar", "init"]))
    if where == "main":
        return {"spec": {"containers": [{"name": "main", "ports": ports}]}}
    if where == "network":
        alike = [{"containerPort": port["hostPort"], "protocol": port["protocol"]} for port in ports]
        distinct = {(port["containerPort"], port["protocol"]): port for port in alike}
        return {"spec": {"hostNetwork": True, "containers": [{"name": "main", "ports": list(distinct.values())}]}}
    container: Object = {"name": where, "image": "busybox:1", "ports": ports}
    if where == "sidecar":
        container["restartPolicy"] = "Always"
    return {"spec": {"initContainers": [container]}}


FAMILY = Family("hostports", placed=some(pod_ports()), pending=pod_ports(), most_nodes=5)
