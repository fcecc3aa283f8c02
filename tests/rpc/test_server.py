"""The server itself: certificates and their replacement, limits, health, reflection."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from scheduler.rpc.client import ImagePlatformClient
from scheduler.sandbox.registry_faults import hang
from scheduler.serving.tls import InvalidCertificates
from tests.kube.pki import Authority
from tests.rpc.builders import node_bytes, question
from tests.rpc.serving import Pki, Served, channel, served, until

QUESTION = question({"amd": (node_bytes("linux/amd64"), [])})


async def is_answered(expander: Served, pki: Pki) -> bool:
    """With a connection of its own; False when it is not even connected."""
    try:
        return await expander.best_options(QUESTION, authority=pki.authority) == ["amd"]
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            return False
        raise


async def test_a_new_certificate_holds_for_the_next_connection(pki: Pki):
    async with served(tls=pki.settings()) as expander:
        assert await is_answered(expander, pki)
        renewed = Authority("renewed")
        pki.write(renewed)
        assert not await is_answered(expander, pki)
        pki.authority.write_bytes(renewed.pem)
        assert await is_answered(expander, pki)


async def test_a_certificate_that_cannot_be_used_is_told_and_the_last_good_one_stays(pki: Pki):
    async with served(tls=pki.settings()) as expander:
        (pki.folder / "tls.crt").write_text("half a certi")
        assert await is_answered(expander, pki)
        assert await is_answered(expander, pki)
        await asyncio.sleep(0)
        assert expander.problems
        assert "the new certificates are not used: certificate" in expander.problems[0]
        pki.write()
        assert await is_answered(expander, pki)


async def test_an_expired_certificate_of_the_server_is_a_status_for_the_caller_and_can_be_renewed(pki: Pki):
    pki.write(expired=True)
    async with served(tls=pki.settings()) as expander:
        assert not await is_answered(expander, pki)
        pki.write()
        assert await is_answered(expander, pki)


async def test_certificates_that_cannot_be_used_keep_the_server_from_starting(pki: Pki):
    (pki.folder / "tls.key").unlink()
    with pytest.raises(InvalidCertificates, match=r"tls\.key"):
        async with served(tls=pki.settings()):
            pass


async def test_only_callers_with_a_certificate_of_the_authority_are_answered_where_one_is_set(pki: Pki):
    async with served(tls=pki.settings(mutual=True)) as expander:
        expander.registry.push_image("shop/web", "1", "linux/arm64")

        async def code(identity: tuple | None) -> grpc.StatusCode:
            async with ImagePlatformClient(expander.address, authority=pki.authority, identity=identity) as client:
                try:
                    await client.resolve([expander.image("shop/web:1")])
                except grpc.aio.AioRpcError as error:
                    return error.code()
                return grpc.StatusCode.OK

        assert await code(None) is grpc.StatusCode.UNAVAILABLE
        assert await code(pki.identity(Authority("strangers"))) is grpc.StatusCode.UNAVAILABLE
        assert await code(pki.identity(pki.callers, expired=True)) is grpc.StatusCode.UNAVAILABLE
        assert await code(pki.identity(pki.callers)) is grpc.StatusCode.OK


async def test_a_port_in_use_is_an_error_that_names_it():
    async with served() as first:
        with pytest.raises(OSError, match=rf"127\.0\.0\.1:{first.port}"):
            async with served(port=first.port):
                pass


async def test_calls_beyond_the_limit_are_refused():
    async with served(max_calls=2) as expander:
        expander.registry.inject(hang())
        async with ImagePlatformClient(expander.address) as client:
            slow = [asyncio.create_task(client.resolve([expander.image("a:1")], seconds=3)) for _ in range(2)]
            await until(lambda: expander.registry.count("HEAD", "manifest") > 0)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await client.resolve([expander.image("a:1")], seconds=3)
            assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)


async def test_each_service_tells_that_it_is_healthy():
    async with served() as expander, channel(expander.address) as connection:
        stub = health_pb2_grpc.HealthStub(connection)
        for service in ("", "grpcplugin.Expander", "imageplatform.v1.ImagePlatform"):
            response = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert response.status == health_pb2.HealthCheckResponse.SERVING


async def test_the_services_can_be_listed_by_tools():
    async with served() as expander, channel(expander.address) as connection:
        stub = reflection_pb2_grpc.ServerReflectionStub(connection)
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        (response,) = [response async for response in stub.ServerReflectionInfo(asked)]
        assert {service.name for service in response.list_services_response.service} == {
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
            "grpcplugin.Expander",
            "imageplatform.v1.ImagePlatform",
        }
