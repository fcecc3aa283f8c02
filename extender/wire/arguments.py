"""What kube-scheduler sends: JSON bytes -> typed arguments.

Owns the wire names (those of Go's fields, as kube-scheduler 1.37 writes them) and what counts as malformed. Mirrors
``extender/v1/types.go``. Node names and victims stay raw bytes here: the verbs decide how much of them has to
be read. Of whole nodes only what tells their platforms is read; ``node_bodies`` has the rest.

Go writes an absent slice or map as ``null``, as an empty one, or not at all; all three are read alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from scheduler.api.meta import WireStruct
from scheduler.api.pod import Pod
from scheduler.images.node_platform import (
    ARCHITECTURE_LABEL,
    ARM32_LABEL,
    BETA_ARCHITECTURE_LABEL,
    BETA_OS_LABEL,
    FALLBACK_LABEL,
    OS_LABEL,
    VARIANT_LABEL,
    WINDOWS_BUILD_LABEL,
)

Body = bytes | bytearray

KnownPod = Callable[[str, str], Pod | None]
"""The pod of a uid, if it is at hand at this resourceVersion."""

T = TypeVar("T")


class MalformedBody(ValueError):
    """The body is not what the verb takes. The text is the ``Error`` that kube-scheduler gets."""


class ExtenderPreemptionArgs(msgspec.Struct, gc=False):
    """Of preempt. By node name the victims: with their whole pods, or (``MetaVictims``) their UIDs only."""

    pod: Pod = msgspec.field(name="Pod")
    node_name_to_victims: dict[str, msgspec.Raw] | None = msgspec.field(name="NodeNameToVictims", default=None)
    node_name_to_meta_victims: dict[str, msgspec.Raw] | None = msgspec.field(name="NodeNameToMetaVictims", default=None)


class ExtenderBindingArgs(msgspec.Struct, gc=False):
    """Of bind."""

    pod_name: str = msgspec.field(name="PodName")
    pod_namespace: str = msgspec.field(name="PodNamespace")
    pod_uid: str = msgspec.field(name="PodUID")
    node: str = msgspec.field(name="Node")


class SentLabels(msgspec.Struct, frozen=True, gc=False):
    """The labels that tell a platform (``PLATFORM_LABELS``); empty where a node has none of that name."""

    os: str = msgspec.field(name=OS_LABEL, default="")
    architecture: str = msgspec.field(name=ARCHITECTURE_LABEL, default="")
    beta_os: str = msgspec.field(name=BETA_OS_LABEL, default="")
    beta_architecture: str = msgspec.field(name=BETA_ARCHITECTURE_LABEL, default="")
    windows_build: str = msgspec.field(name=WINDOWS_BUILD_LABEL, default="")
    variant: str = msgspec.field(name=VARIANT_LABEL, default="")
    fallback: str = msgspec.field(name=FALLBACK_LABEL, default="")
    arm32: str = msgspec.field(name=ARM32_LABEL, default="")


class SentInfo(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Of ``status.nodeInfo`` what tells a platform."""

    operating_system: str = ""
    architecture: str = ""
    kernel_version: str = ""
    container_runtime_version: str = ""


class SentMeta(WireStruct):
    name: str
    labels: SentLabels = SentLabels()


class SentStatus(WireStruct):
    node_info: SentInfo = SentInfo()


class SentNode(WireStruct):
    """Of a whole node what tells its platform."""

    metadata: SentMeta
    status: SentStatus = msgspec.field(default_factory=SentStatus)


class _NodeList(msgspec.Struct, gc=False):
    items: list[SentNode] | None = None


class _PodVersion(WireStruct):
    uid: str = ""
    resource_version: str = ""


class _VersionedPod(WireStruct):
    metadata: _PodVersion = msgspec.field(default_factory=_PodVersion)


class _ExtenderArgs(msgspec.Struct, gc=False):
    pod: msgspec.Raw = msgspec.field(name="Pod")
    nodes: _NodeList | None = msgspec.field(name="Nodes", default=None)
    node_names: msgspec.Raw = msgspec.field(name="NodeNames", default_factory=msgspec.Raw)


class ExtenderArgs(NamedTuple):
    """Of filter and prioritize. Only one of the lists is given: names, if the caller trusts our own watch."""

    pod: Pod
    nodes: list[SentNode]
    node_names: msgspec.Raw
    body: Body
    """All of it, for ``node_bodies`` to take whole nodes out of."""


class VictimMeta(WireStruct):
    uid: str = ""


class VictimPod(WireStruct):
    """A victim as a whole pod, of which the answer needs the UID."""

    metadata: VictimMeta


class MetaVictim(msgspec.Struct, gc=False):
    """A victim by its UID alone."""

    uid: str = msgspec.field(name="UID", default="")


class Victims(msgspec.Struct, gc=False):
    """The victims on one node, the most important first."""

    pods: list[VictimPod] | None = msgspec.field(name="Pods", default=None)
    num_pdb_violations: int = msgspec.field(name="NumPDBViolations", default=0)


class MetaVictims(msgspec.Struct, gc=False):
    pods: list[MetaVictim] | None = msgspec.field(name="Pods", default=None)
    num_pdb_violations: int = msgspec.field(name="NumPDBViolations", default=0)


class Decoder(Generic[T]):
    """Reads one type; a second, slower way takes bodies in which ``null`` stands where a value is expected."""

    def __init__(self, type_: type[T], what: str) -> None:
        self._decode: Callable[[Body | msgspec.Raw], T] = msgspec.json.Decoder(type_).decode
        self._what = what

    def __call__(self, body: Body | msgspec.Raw) -> T:
        """Raises MalformedBody."""
        try:
            return self._decode(body)
        except msgspec.ValidationError:
            return self._read_without_nulls(body)
        except _UNREADABLE as error:
            raise MalformedBody(f"{self._what} cannot be read: {error}") from error

    def _read_without_nulls(self, body: Body | msgspec.Raw) -> T:
        try:
            return self._decode(msgspec.json.encode(without_nulls(msgspec.json.decode(body))))
        except _UNREADABLE as error:
            raise MalformedBody(f"{self._what} cannot be read: {error}") from error


_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


def without_nulls(value: Any) -> Any:
    """The same without members that are null: Go means a missing one. Nulls in arrays stay, and are refused later."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


_versioned_pod = Decoder(_VersionedPod, "Pod")
_pod = Decoder(Pod, "Pod")
_extender_args = Decoder(_ExtenderArgs, "ExtenderArgs")
_preemption_args = Decoder(ExtenderPreemptionArgs, "ExtenderPreemptionArgs")
_binding_args = Decoder(ExtenderBindingArgs, "ExtenderBindingArgs")
_names = Decoder(list[str], "NodeNames")
_victims = Decoder(Victims, "NodeNameToVictims")
_meta_victims = Decoder(MetaVictims, "NodeNameToMetaVictims")


def read_extender_args(body: Body, known: KnownPod = lambda uid, resource_version: None) -> ExtenderArgs:
    """A pod that is ``known`` is not read. Raises MalformedBody."""
    args = _extender_args(_text(body))
    if not is_given(args.pod):
        raise MalformedBody("ExtenderArgs cannot be read: Object missing required field `Pod`")
    version = _versioned_pod(args.pod).metadata
    pod = known(version.uid, version.resource_version) or _pod(args.pod)
    return ExtenderArgs(pod, (args.nodes and args.nodes.items) or [], args.node_names, body)


def read_preemption_args(body: Body) -> ExtenderPreemptionArgs:
    """Raises MalformedBody."""
    return _preemption_args(_text(body))


def read_binding_args(body: Body) -> ExtenderBindingArgs:
    """Raises MalformedBody."""
    return _binding_args(_text(body))


def is_given(raw: msgspec.Raw) -> bool:
    """Whether a list is there at all, if only an empty one."""
    return bytes(raw) not in {b"", b"null"}


def read_node_names(raw: msgspec.Raw) -> list[str]:
    """Raises MalformedBody."""
    return _names(raw) if is_given(raw) else []


def read_victims(raw: msgspec.Raw) -> MetaVictims:
    """The same victims by UID. Raises MalformedBody."""
    victims = _victims(raw)
    return MetaVictims([MetaVictim(pod.metadata.uid) for pod in victims.pods or []], victims.num_pdb_violations)


def read_meta_victims(raw: msgspec.Raw) -> MetaVictims:
    """Raises MalformedBody."""
    return _meta_victims(raw)


def _text(body: Body) -> Body:
    """The body, which must be UTF-8 throughout: parts of it may go into an answer unread. Raises MalformedBody."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise MalformedBody(f"the body is not UTF-8: {error}") from error
    return body
