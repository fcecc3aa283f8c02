"""The controllers of pods as their objects say how many pods of which template there are to be. Only the shape."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from scheduler.api.meta import WireStruct

DEFAULT_NAMESPACE = "default"

Count = Annotated[int, msgspec.Meta(ge=0)]


class Metadata(WireStruct):
    name: str = ""
    generate_name: str = ""
    namespace: str = DEFAULT_NAMESPACE
    labels: dict[str, str] = {}


class TemplateMetadata(WireStruct):
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class ClaimTemplate(WireStruct):
    metadata: Metadata
    spec: dict[str, Any] = {}


class Ordinals(WireStruct):
    start: Count = 0


class ControllerSpec(WireStruct):
    """Of all kinds but CronJob: each has some of the fields."""

    template: dict[str, Any]
    replicas: Count = 1
    parallelism: Count = 1
    completions: Count | None = None
    suspend: bool = False
    selector: dict[str, Any] = {}
    ordinals: Ordinals = msgspec.field(default_factory=Ordinals)
    volume_claim_templates: list[ClaimTemplate] = []


class Controller(WireStruct):
    spec: ControllerSpec
    metadata: Metadata = msgspec.field(default_factory=Metadata)


class JobTemplate(WireStruct):
    spec: ControllerSpec


class CronJobSpec(WireStruct):
    job_template: JobTemplate
    suspend: bool = False


class CronJob(WireStruct):
    spec: CronJobSpec
    metadata: Metadata = msgspec.field(default_factory=Metadata)
