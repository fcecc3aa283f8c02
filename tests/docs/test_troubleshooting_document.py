"""docs/troubleshooting.md: every reason that it explains is one that the code gives, and none is left out."""

from __future__ import annotations

import importlib
import pkgutil
import re

from scheduler import plugins
from scheduler.framework.status import Rejection
from scheduler.images.content import FailureCause, ImageFailure
from scheduler.images.matching import MatchRules, match_pod
from scheduler.images.node_platform import NodePlatform
from scheduler.images.platform import Platform
from scheduler.images.pod_images import Misfit, ResolvedImage
from scheduler.images.runtime import Runtime
from scheduler.images.verdict import Cause, PodVerdict
from scheduler.plugins.node_resources_fit import TOO_MANY_PODS
from tests.docs.console import DOCS
from tests.images.builders import (
    AMD64,
    AMD64_NODE,
    ARM64,
    ARM64_NODE,
    ARM_V7,
    CRIO_AMD64_NODE,
    WINDOWS_2019,
    WINDOWS_2025_NODE,
    a_failure,
    a_schema1_image,
    an_artifact,
    an_entry,
    an_image,
    an_index,
    resolved,
)

PAGE = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
APP = "shop/app:1"


def rows(heading: str) -> list[list[str]]:
    """The table of a part, without its head, as cells."""
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def verdict(image: ResolvedImage, node: NodePlatform = AMD64_NODE, rules: MatchRules = MatchRules()) -> PodVerdict:  # noqa: B008 - frozen
    return match_pod((image,), None, node, rules)


BUILDLESS = NodePlatform("windows", "amd64", runtime=Runtime.CONTAINERD)
NESTED = an_index(an_entry(None, child=an_index(AMD64), media_type="application/vnd.oci.image.index.v1+json"))
VERDICTS = [
    verdict(resolved(an_index(ARM64), APP)),
    verdict(resolved(an_image(ARM64), APP)),
    verdict(resolved(an_image(ARM64), "shop/model:1", volume=True)),
    verdict(resolved(an_index(WINDOWS_2019), APP), WINDOWS_2025_NODE),
    verdict(resolved(an_index(Platform("linux", "amd64", "v3")), APP)),
    verdict(resolved(an_index(ARM_V7), APP), ARM64_NODE),
    verdict(resolved(an_index(Platform("linux", "x86_64")), APP), CRIO_AMD64_NODE),
    verdict(resolved(Misfit(an_index(ARM64), Platform("wasi", "wasm"), "wasm"), APP)),
    verdict(resolved(an_index(), APP)),
    verdict(resolved(an_index(an_entry(AMD64, failure=a_failure(FailureCause.NOT_FOUND))), APP)),
    verdict(resolved(NESTED, APP), CRIO_AMD64_NODE),
    verdict(resolved(an_index(an_entry(None, child=an_artifact())), APP), CRIO_AMD64_NODE),
    verdict(resolved(an_artifact("application/vnd.cncf.helm.config.v1+json"), "shop/chart:1")),
    verdict(resolved(a_schema1_image(AMD64), APP)),
    verdict(resolved(an_index(an_entry(AMD64, child=an_image(ARM64))), APP), rules=MatchRules(deep_check=True)),
    verdict(resolved(ImageFailure(FailureCause.INVALID_REFERENCE, ""), "shop//App:1")),
    verdict(resolved(an_image(None), APP)),
    verdict(resolved(a_failure(FailureCause.PENDING), APP)),
    verdict(resolved(an_index(AMD64), APP), NodePlatform("", "")),
    verdict(resolved(an_index(WINDOWS_2019), APP), BUILDLESS),
    match_pod((), "windows", AMD64_NODE),
]
"""What the code says of each kind of misfit."""


def test_every_reason_of_a_node_is_one_that_the_code_gives() -> None:
    explained = {quoted(first)[0] for first, _ in rows("Pending: some nodes can't run an image")}
    assert explained == {each.reason for each in VERDICTS}


def test_no_kind_of_misfit_is_left_out() -> None:
    causes = {each.cause for each in VERDICTS}
    assert {cause for cause in Cause if cause not in causes} == set()


def test_every_sentence_about_a_registry_is_in_the_code() -> None:
    source = "".join(path.read_text() for path in (DOCS.parent / "scheduler" / "oci").glob("*.py"))
    table = rows("Pending: waiting to learn what an image is built for")
    missing = [text for _, said, _ in table for text in quoted(said) if re.sub(r"\d+", "{", text) not in source]
    assert [text for text in missing if not re.fullmatch(r"answered \d{3}", text)] == []
    assert 'f"answered {answer.status}"' in source


def test_every_result_of_a_question_is_explained_once_at_least() -> None:
    explained = {quoted(result)[0] for result, _, _ in rows("Pending: waiting to learn what an image is built for")}
    told_elsewhere = {FailureCause.PENDING, FailureCause.INVALID_REFERENCE}
    assert explained == {str(cause) for cause in FailureCause} - told_elsewhere


def test_every_reason_of_a_plugin_is_explained_and_none_that_there_is_not() -> None:
    said = {TOO_MANY_PODS, "Insufficient cpu"}
    for found in pkgutil.iter_modules(plugins.__path__):
        for name, value in vars(importlib.import_module(f"{plugins.__name__}.{found.name}")).items():
            if isinstance(value, str) and name.startswith("REASON"):
                said.add(value)
            elif isinstance(value, Rejection):
                said.update(value.reasons)
    explained = {text for first, _ in rows("Pending: kube-scheduler's reasons") for text in quoted(first)}
    assert explained == said


def test_the_list_at_the_top_is_the_parts() -> None:
    parts = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)[1:]
    assert [text.replace("`", "") for text in re.findall(r"^- \[(.+?)\]\(#", PAGE, re.MULTILINE)] == parts
