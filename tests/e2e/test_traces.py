"""Attempts as OpenTelemetry traces, as a collector on the loopback gets them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from scheduler.sandbox.demo import SCHEDULER_NAME, create
from scheduler.sandbox.process import scheduler_process
from scheduler.sandbox.scenario import ARM_NODES, MAINFRAME, ScenarioImage, Workload
from scheduler.sandbox.stage import SandboxStage
from tests.scenarios.walking import PODS, all_bound, told_why


class Collector:
    """Keeps the spans that it is sent."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.endpoint = ""

    async def take(self, request: web.Request) -> web.Response:
        message = ExportTraceServiceRequest.FromString(await request.read())
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        return web.Response(content_type="application/x-protobuf")

    def attempt(self, pod: str) -> tuple[Span, list[Span]]:
        """The span of the pod's last attempt, and those inside it."""
        attempts = [span for span in self.spans if attribute(span, "k8s.pod.name") == pod]
        (span,) = attempts[-1:]
        return span, [inside for inside in self.spans if inside.parent_span_id == span.span_id]


def attribute(span: Span, key: str) -> str | int | None:
    for pair in span.attributes:
        if pair.key == key:
            value = pair.value
            return value.string_value if value.HasField("string_value") else value.int_value
    return None


@contextlib.asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    try:
        yield collector
    finally:
        await runner.cleanup()


async def test_an_attempt_is_a_span_with_its_decision_and_its_binding(
    empty_stage: SandboxStage, tmp_path: Path
) -> None:
    stage = empty_stage
    image = ScenarioImage("late/mainframe", "1", (MAINFRAME,))
    stage.push(image)
    placed = Workload("placed", ("shop/inference:0.9",), 1, frozenset(ARM_NODES))
    nowhere = Workload("nowhere", (image.name,), 1, frozenset())
    async with collecting() as collector:
        settings = tmp_path / "settings.yaml"
        settings.write_text(f"tracing: {{endpoint: '{collector.endpoint}', samplingRatePerMillion: 1000000}}\n")
        async with scheduler_process(stage.kubeconfig, tmp_path / "scheduler.log", f"--config={settings}"):
            for workload in (placed, nowhere):
                await create(stage, workload.pods(stage.registry, SCHEDULER_NAME), PODS)
            (pod,) = await all_bound(stage, "placed", 1)
            message = await told_why(stage, "nowhere", "linux/s390x")
        span, inside = collector.attempt("default/placed-0")
        assert (span.name, attribute(span, "result")) == ("schedule pod", "scheduled")
        assert attribute(span, "k8s.node.name") == pod.spec.node_name
        assert (attribute(span, "feasible_nodes"), attribute(span, "attempt")) == (2, 1)
        decide, bind = sorted(inside, key=lambda part: part.start_time_unix_nano)
        assert (decide.name, bind.name) == ("decide", "bind")
        assert span.start_time_unix_nano == decide.start_time_unix_nano
        assert decide.end_time_unix_nano == bind.start_time_unix_nano < bind.end_time_unix_nano
        assert bind.end_time_unix_nano == span.end_time_unix_nano

        span, inside = collector.attempt("default/nowhere-0")
        assert (attribute(span, "result"), attribute(span, "message")) == ("unschedulable", message)
        assert [part.name for part in inside] == ["decide"]


async def test_a_collector_that_is_not_there_keeps_no_pod_from_its_node(
    empty_stage: SandboxStage, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("tracing: {endpoint: 'http://127.0.0.1:9/v1/traces', samplingRatePerMillion: 1000000}\n")
    log = tmp_path / "scheduler.log"
    async with scheduler_process(empty_stage.kubeconfig, log, f"--config={settings}"):
        placed = Workload("placed", ("shop/inference:0.9",), 1, frozenset(ARM_NODES))
        await create(empty_stage, placed.pods(empty_stage.registry, SCHEDULER_NAME), PODS)
        await all_bound(empty_stage, "placed", 1)


async def test_no_attempt_is_told_where_none_is_to_be_sampled(empty_stage: SandboxStage, tmp_path: Path) -> None:
    async with collecting() as collector:
        settings = tmp_path / "settings.yaml"
        settings.write_text(f"tracing: {{endpoint: '{collector.endpoint}', samplingRatePerMillion: 0}}\n")
        async with scheduler_process(empty_stage.kubeconfig, tmp_path / "log", f"--config={settings}"):
            placed = Workload("placed", ("shop/inference:0.9",), 1, frozenset(ARM_NODES))
            await create(empty_stage, placed.pods(empty_stage.registry, SCHEDULER_NAME), PODS)
            await all_bound(empty_stage, "placed", 1)
        assert collector.spans == []
