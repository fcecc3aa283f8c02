"""``multiarch-scheduler evaluate``: cases in, one decision each out, as JSON lines. Touches no cluster.

Owns the form of a case and of its answer, which is that of the project's recorded answers of kube-scheduler: what each
plugin says of each node, scores, which nodes may be chosen, and the sentences that users would read. The decision is
``framework``'s. A line that cannot be understood gets an answer that says so, and the next one is read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog
import yaml

from scheduler.api.pod import Pod
from scheduler.api.quantity import InvalidQuantity
from scheduler.cluster.cache import Cache
from scheduler.cluster.pod_info import PodInfo, make_pod_info
from scheduler.commands.snapshot import InvalidObject, make_cache
from scheduler.config.scheduler_configuration import DEFAULT_SCHEDULER_NAME, read_scheduler_configuration
from scheduler.framework.cycle import Placed, SchedulingCycle, Unschedulable
from scheduler.framework.diagnosis import FitError
from scheduler.framework.explanation import explain_narrowed, explain_scores, explain_statuses
from scheduler.framework.post_filter import Candidate
from scheduler.framework.profile import Profile
from scheduler.framework.status import AttemptError, Code, Rejection
from scheduler.images.content import FailureCause, ImageAnswer, ImageFailure, declared_content
from scheduler.images.platform import InvalidPlatform, parse_platform
from scheduler.images.pod_images import ResolvedImage, pod_images
from scheduler.plugins.catalogue import Selection, default_selection, make_profile
from scheduler.plugins.extension_points import IMAGE_PLATFORM

log = structlog.get_logger()

Answer = dict[str, Any]
Images = Mapping[str, ImageAnswer]
"""Image as pods write it -> what it is built for."""

SCHEDULING_GATES = "SchedulingGates"
NOT_LISTED = ImageFailure(FailureCause.NOT_FOUND, "it is not in the list of images")


class InvalidImages(ValueError):
    """The file of images cannot be used. The text names the file, the image, and what is wrong."""


class Case(msgspec.Struct):
    """One line. ``objects``: the cluster; ``pod``: the one to decide."""

    pod: msgspec.Raw
    id: Any = None
    objects: list[msgspec.Raw] = []


class Evaluator:
    """Answers cases by the profile that the pod names, or by the only one.

    ``images``: None if the profiles do not look at what images are built for.
    """

    def __init__(self, profiles: Sequence[Profile], images: Images | None = None) -> None:
        self._profiles = {profile.scheduler_name: profile for profile in profiles}
        self._only = profiles[0] if len(profiles) == 1 else None
        self._images = images

    def answer_all(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """One line each, in order; nothing for a line that holds nothing."""
        for line in lines:
            if line.strip():
                yield _encoder.encode(self.answer(line)) + b"\n"

    def answer(self, line: bytes) -> Answer:
        """Never raises for what a line holds."""
        identity: Any = None
        try:
            case = _case_decoder.decode(line)
            identity = case.id
            pod = _pod_decoder.decode(case.pod)
            profile = self._only or self._profiles.get(pod.spec.scheduler_name)
            if profile is None:
                return _failed(identity, f"pod: spec.schedulerName: no profile is called {pod.spec.scheduler_name!r}")
            cache = make_cache(case.objects, {pod.spec.scheduler_name, *self._profiles})
            info = make_pod_info(pod, self._resolved(pod), cache.classes)
            return {"id": identity, **_decided(SchedulingCycle(cache, profile), cache, info)}
        except InvalidObject as error:
            return _failed(identity, str(error))
        except msgspec.ValidationError as error:
            return _failed(_id_in(line) if identity is None else identity, f"the case cannot be read: {error}")
        except msgspec.DecodeError as error:
            return _failed(_id_in(line), f"the line is not JSON: {error}")
        except (InvalidQuantity, UnicodeDecodeError) as error:
            return _failed(identity, f"pod: {error}")
        except Exception as error:  # whatever one case provokes must cost that case only
            log.exception("a case failed", id=identity)
            return _failed(_id_in(line) if identity is None else identity, f"{type(error).__name__}: {error}")

    def _resolved(self, pod: Pod) -> tuple[ResolvedImage, ...] | None:
        if self._images is None:
            return None
        return tuple(ResolvedImage(image, self._images.get(image.image, NOT_LISTED)) for image in pod_images(pod))


def make_evaluator(configuration: Path | None, images: Path | None) -> Evaluator:
    """By the profiles of a KubeSchedulerConfiguration, or the default one. Raises InvalidSettings, InvalidImages.

    Without a file of images no profile looks at them, whatever the configuration says.
    """
    if configuration is None:
        selections: tuple[Selection, ...] = (default_selection(DEFAULT_SCHEDULER_NAME),)
    else:
        selections = read_scheduler_configuration(configuration).selections
    if images is None:
        selections = tuple(selection.without(IMAGE_PLATFORM) for selection in selections)
    profiles = [make_profile(selection) for selection in selections]
    return Evaluator(profiles, None if images is None else read_images(images))


def read_images(path: Path) -> Images:
    """A YAML or JSON file of image -> list of platforms. Raises InvalidImages."""
    try:
        document = yaml.load(path.read_bytes(), Loader=_YAML_LOADER)  # noqa: S506 - a safe loader, written in C
        listed = msgspec.convert({} if document is None else document, dict[str, list[str]])
    except (OSError, yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise InvalidImages(f"{path}: {error}") from error
    images = {}
    for image, platforms in listed.items():
        try:
            images[image] = declared_content(tuple(parse_platform(text) for text in platforms))
        except InvalidPlatform as error:
            raise InvalidImages(f"{path}: {image}: {error}") from error
    return images


def _failed(identity: Any, why: str) -> Answer:
    return {"id": identity, "error": why}


def _id_in(line: bytes) -> Any:
    """The id of a line that is not JSON as a whole, if it can be told."""
    found = _ID.search(line)
    try:
        return None if found is None else msgspec.json.decode(found.group(1))
    except msgspec.DecodeError:
        return None


def _decided(cycle: SchedulingCycle, cache: Cache, info: PodInfo) -> Answer:
    answer: Answer = {}
    gates = [gate.name for gate in info.pod.spec.scheduling_gates]
    if gates:
        reason = f"waiting for scheduling gates: [{' '.join(gates)}]"
        answer["preenqueue"] = _status(Rejection(Code.UNRESOLVABLE, SCHEDULING_GATES, (reason,)))
    answer["prefilter"] = None
    try:
        decision: Placed | Unschedulable | None = cycle.decide(info)
    except AttemptError as error:
        decision = None
        answer["error"] = str(error)
    answer |= _about_nodes(cycle, cache, info)
    if decision is None:
        answer["hosts"] = []
    if isinstance(decision, Unschedulable):
        answer |= _about_failure(cycle, info, decision.fit_error)
    return answer


def _about_failure(cycle: SchedulingCycle, info: PodInfo, fit_error: FitError) -> Answer:
    """``fit_error``, ``fit_error_full`` and ``preemption``.

    A text that would name one node of several that are as good is left out: kube-scheduler's choice is random.
    """
    answer: Answer = {"fit_error": fit_error.message}
    result = cycle.post_filter(info, fit_error)
    if result is None:
        return answer
    trials = result.trials()
    preemption: Answer = {"code": str(result.outcome)}
    if len(trials.equals) <= 1:
        answer["fit_error_full"] = f"{fit_error.message} {result.message}"
        preemption["message"] = result.message
    preemption["nominated_node"] = result.node
    if result.chosen is not None:
        preemption["nominated_nodes"] = list(trials.equals)
        preemption["victims"] = _keys(result.chosen)
        preemption["candidates"] = {
            candidate.node: {"victims": _keys(candidate), "pdb_violations": candidate.violations}
            for candidate in sorted(trials.candidates, key=lambda candidate: candidate.node)
        }
    if trials.rejected:
        preemption["rejected"] = {node: _status(trials.rejected[node]) for node in sorted(trials.rejected)}
    answer["preemption"] = preemption
    return answer


def _keys(candidate: Candidate) -> list[str]:
    return [pod.key for pod in candidate.victims]


def _about_nodes(cycle: SchedulingCycle, cache: Cache, info: PodInfo) -> Answer:
    """``prefilter``, ``prefilter_nodes``, ``nodes``, ``scores``, ``score_error`` and ``hosts``."""
    evaluation = cycle.pod_evaluation(info)
    names = sorted(node.name for _, node in cache.nodes)
    if evaluation.rejection is not None:
        status = _status(evaluation.rejection)
        return {"prefilter": status, "nodes": dict.fromkeys(names, status), "scores": {}, "hosts": []}
    answer: Answer = {}
    if evaluation.plan.only_nodes is not None:
        answer["prefilter_nodes"] = sorted(evaluation.plan.only_nodes)
    statuses = explain_statuses(evaluation, cache.nodes)
    blocked = cycle.blocked(info, evaluation)
    statuses |= {cache.nodes.name(row): rejection for row, rejection in blocked.items()}
    narrowed = explain_narrowed(evaluation, cache.nodes)
    nodes = {name: _status(statuses[name]) for name in names}
    for name, rejection in narrowed.items():
        nodes[name]["filter"] = _status(rejection)
    answer |= {"nodes": nodes, "scores": {}}
    feasible = [name for name in names if statuses[name] is None]
    if feasible and evaluation.score_error is not None:
        answer["score_error"] = str(evaluation.score_error)
        answer["hosts"] = feasible if len(feasible) == 1 else []
        return answer
    parts = explain_scores(evaluation, cache.nodes, feasible)
    totals = {name: sum(plugins.values()) for name, plugins in parts.items()}
    answer["scores"] = {
        name: {"total": totals[name], "plugins": dict(sorted(parts[name].items()))} for name in feasible
    }
    answer["hosts"] = [name for name in feasible if totals[name] == max(totals.values())]
    nominated = cache.nominated_node(info.pod)
    if nominated in feasible:
        answer["hosts"] = [nominated]
    return answer


def _status(rejection: Rejection | None) -> Answer:
    if rejection is None:
        return {"code": "Success"}
    plugin = {"plugin": rejection.plugin} if rejection.plugin else {}
    return {"code": str(rejection.code), **plugin, "reasons": sorted(rejection.reasons)}


_ID = re.compile(rb'"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9]+)')
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_case_decoder = msgspec.json.Decoder(Case)
_pod_decoder = msgspec.json.Decoder(Pod)
_encoder = msgspec.json.Encoder()
