"""The two configurations that have to fit each other: kube-scheduler's, and the extender's own settings.

Owns which fields a mode needs on either side, and refuses combinations that could not work. kube-scheduler's is a
KubeSchedulerConfiguration v1; what it does not mention keeps kube-scheduler's defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import yaml

from extender.settings import ExtenderSettings

DEFAULT_MAX_NODES = 4
"""What narrowing keeps unless told otherwise: a choice for kube-scheduler's scores, and few to score."""

KEPT_PLUGINS = ("PrioritySort", "SchedulingGates", "VolumeBinding", "DefaultBinder")
"""What kube-scheduler still does when the extender decides: the queue's order, gates, the binding, and that of volumes,
which skips pods without claims. Its verdict about claims is only known to itself, so it filters, too."""

NARROWING_PLUGIN = "NodeAffinity"
"""Kept for its PreFilter alone: a pod that names its node (a DaemonSet's) is then asked about with that node only."""

FULL_VIEW = 100
SAMPLE = 1
"""percentageOfNodesToScore. One percent, but never less than 100 nodes, is enough where the extender knows what is on
all nodes and nominates a pod to one that the sample lacks: names cost kube-scheduler most of a call."""


class InvalidConfiguration(ValueError):
    """The wishes contradict each other, or the extender's settings. The text names both."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator asks for; see ``multiarch-extender config --help``."""

    mode: Literal["filter", "narrow", "delegated"] = "filter"
    url: str = "http://127.0.0.1:10271"
    whole_nodes: bool = False
    ignorable: bool = False
    bind: bool = False
    percentage: int | None = None
    """Default: the whole cluster for a filter, else a sample."""
    timeout: float = 5.0
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    kubeconfig: str | None = "/etc/kubernetes/scheduler.conf"


def scheduler_configuration(wanted: Wanted, settings: ExtenderSettings) -> str:
    """The KubeSchedulerConfiguration, as YAML. Raises InvalidConfiguration."""
    _check(wanted, settings)
    document: dict[str, Any] = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
    }
    if wanted.kubeconfig:
        document["clientConnection"] = {"kubeconfig": wanted.kubeconfig}
    default = FULL_VIEW if wanted.mode == "filter" else SAMPLE
    document["percentageOfNodesToScore"] = default if wanted.percentage is None else wanted.percentage
    if wanted.mode == "delegated":
        plugins = {
            "multiPoint": {"enabled": [{"name": name} for name in KEPT_PLUGINS], "disabled": [{"name": "*"}]},
            "preFilter": {"enabled": [{"name": NARROWING_PLUGIN}]},
        }
        document["profiles"] = [{"schedulerName": "default-scheduler", "plugins": plugins}]
    document["extenders"] = [extender_entry(wanted, settings)]
    return yaml.safe_dump(document, sort_keys=False)


def extender_entry(wanted: Wanted, settings: ExtenderSettings) -> dict[str, Any]:
    """The entry of ``extenders``. Raises InvalidConfiguration."""
    _check(wanted, settings)
    entry: dict[str, Any] = {"urlPrefix": wanted.url, "filterVerb": "filter"}
    if wanted.mode != "delegated":
        entry["preemptVerb"] = "preempt"
        if settings.images.platform_weights:
            entry |= {"prioritizeVerb": "prioritize", "weight": 10}
    if wanted.bind:
        entry["bindVerb"] = "bind"
    entry |= {
        "nodeCacheCapable": not wanted.whole_nodes,
        "ignorable": wanted.ignorable,
        "httpTimeout": f"{wanted.timeout:g}s",
    }
    if wanted.url.startswith("https:"):
        files = {"caFile": wanted.ca_file, "certFile": wanted.cert_file, "keyFile": wanted.key_file}
        entry |= {"enableHTTPS": True, "tlsConfig": {name: path for name, path in files.items() if path}}
    return entry


def extender_settings(wanted: Wanted, settings: ExtenderSettings) -> str:
    """The extender's settings for the mode, as YAML: those given with the mode's own changes, defaults left out."""
    replace = msgspec.structs.replace
    max_nodes = (settings.answering.max_nodes or DEFAULT_MAX_NODES) if wanted.mode == "narrow" else 0
    answering = replace(settings.answering, max_nodes=max_nodes, delegated=wanted.mode == "delegated")
    changed = replace(settings, answering=answering)
    names = {"apiVersion": settings.api_version, "kind": settings.kind}
    return yaml.safe_dump(names | _differences(changed, ExtenderSettings()), sort_keys=False)


def _check(wanted: Wanted, settings: ExtenderSettings) -> None:
    if wanted.timeout <= settings.answering.deadline_seconds:
        raise InvalidConfiguration(
            f"a timeout of {wanted.timeout:g} s is not more than the extender's answering.deadlineSeconds,"
            f" {settings.answering.deadline_seconds:g}: kube-scheduler would hang up before the answer"
        )
    if wanted.mode == "delegated" and wanted.whole_nodes:
        raise InvalidConfiguration("delegated mode decides about names, so whole nodes cannot be sent")
    if wanted.mode == "delegated" and wanted.ignorable:
        raise InvalidConfiguration(
            "in delegated mode the extender must not be ignorable: without it, nothing at all would be checked"
        )
    secure = wanted.url.startswith("https:")
    if not secure and (wanted.ca_file or wanted.cert_file or wanted.key_file):
        raise InvalidConfiguration(f"certificates are of no use with {wanted.url}: name an https URL")
    if secure and not wanted.ca_file:
        raise InvalidConfiguration(
            "without --ca-file kube-scheduler would not verify the extender's certificate at all"
        )
    if bool(wanted.cert_file) != bool(wanted.key_file):
        raise InvalidConfiguration("--cert-file and --key-file go together")


def _differences(value: Any, default: Any) -> dict[str, Any]:
    """The fields that differ from their defaults, as the file spells them."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(value):
        one, other = getattr(value, field.name), getattr(default, field.name)
        if one == other:
            continue
        if isinstance(one, msgspec.Struct) and isinstance(other, msgspec.Struct):
            found[field.encode_name] = _differences(one, other)
        else:
            found[field.encode_name] = msgspec.to_builtins(one)
    return found
