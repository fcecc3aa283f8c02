"""Every index of the libraries' cases, served by a registry and read by the resolver, leads to the library's choice."""

from __future__ import annotations

import asyncio
import json

from scheduler.images.content import FailureCause, ImageAnswer, ImageContent, ImageFailure
from scheduler.images.media_types import IMAGE_CONFIGS
from scheduler.images.selection import select
from scheduler.oci.settings import RegistrySettings
from scheduler.sandbox.registry import SandboxRegistry
from scheduler.sandbox.registry_images import Document
from tests.images.cases import Case, Store, load, node_of, serialise
from tests.oci.conftest import MakeResolver

REPOSITORY = "cases/index"


def serve(registry: SandboxRegistry, file: dict[str, object], store: Store) -> None:
    """All documents in one repository: manifests under the type that their parents give them, the rest as blobs."""
    types: dict[str, str] = {}
    for document in [*map(json.loads, store.blobs.values()), *[case["index"] for case in cases_of(file)]]:
        for entry in document.get("manifests") or ():
            types.setdefault(entry.get("digest", ""), entry.get("mediaType") or "")
    for digest, body in store.blobs.items():
        registry.push_blob(REPOSITORY, body)
        if digest in types and types[digest] not in IMAGE_CONFIGS:
            registry.push_document(REPOSITORY, None, Document(types[digest] or "application/json", body))
    for case in cases_of(file):
        registry.push_document(REPOSITORY, None, Document(case["media_type"], serialise(case["index"])))


def cases_of(file: dict[str, object]) -> list[Case]:
    cases = file["cases"]
    assert isinstance(cases, list)
    return cases


async def test_what_the_library_takes_is_taken_of_what_the_registry_serves(
    registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    file = load("index-selection-cases.json.gz")
    store = Store(file["blobs"])
    serve(registry, file, store)
    resolver = make_resolver(RegistrySettings())
    digests = sorted({case["index_digest"] for case in file["cases"]})
    names = [f"{registry.address}/{REPOSITORY}@{digest}" for digest in digests]
    answers = dict(zip(digests, await asyncio.gather(*map(resolver.resolve, names)), strict=True))
    wrong = [problem for case in file["cases"] if (problem := difference(case, answers[case["index_digest"]]))]
    assert wrong == []
    assert len(digests) == file["source"]["indexes"]


def difference(case: Case, answer: ImageAnswer) -> str:
    """Empty where the answer leads to the library's choice."""
    if isinstance(answer, ImageFailure):
        refused = case["chosen"] is None and answer.cause is FailureCause.MALFORMED
        return "" if refused else f"{case['id']}: {answer}"
    assert isinstance(answer, ImageContent)
    selection = select(answer, node_of(case), fallback=case["runtime"] != "containerd-transfer")
    chosen = selection.entry.digest if selection.entry else None
    # that a child with a platform is missing is found by the node that pulls it: one request per child is not worth it
    unseen = case.get("failure") == "content-missing"
    return "" if chosen == case["chosen"] or unseen else f"{case['id']} ({case['name']}): {chosen}"
