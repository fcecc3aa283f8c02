"""Calls, between gRPC and those who answer them.

Owns what all methods have in common: a request that cannot be read is INVALID_ARGUMENT, a question that is refused has
the status of the refusal, a fault of ours is INTERNAL and in the log, and each call is counted. A method gets the
request and the seconds that its caller waits; it knows nothing of gRPC.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Protocol, cast

import grpc
import grpc.aio
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

log = structlog.get_logger()

Unary = Callable[[Any, float | None], Awaitable[Message]]
Stream = Callable[[Any, float | None], AsyncGenerator[Message, None]]
Method = Unary | Stream
"""(request, seconds that it may take; None: any) -> one answer, or a stream of them."""

SHARE_OF_TIME = 0.8
"""How much of the time that a caller waits a method may take; the rest is for the way."""

Context = grpc.aio.ServicerContext[bytes, bytes]


class Refused(Exception):
    """The question itself cannot be answered. The text says why."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Observer(Protocol):
    """Told of each call when it is over."""

    def handled(self, service: str, method: str, code: str, seconds: float) -> None:
        """``code``: the name of a gRPC status code, as ``OK``."""


def handler(service: ServiceDescriptor, methods: Mapping[str, Method], observer: Observer) -> grpc.GenericRpcHandler:
    """All methods of a service, by name. Raises KeyError when one is missing."""
    return grpc.method_handlers_generic_handler(
        service.full_name,
        {each.name: _method_handler(each, methods[each.name], observer) for each in service.methods},
    )


def _method_handler(descriptor: MethodDescriptor, method: Method, observer: Observer) -> Any:
    read = GetMessageClass(descriptor.input_type).FromString

    async def answer(body: bytes, context: Context) -> bytes | None:
        started = time.perf_counter()
        code = grpc.StatusCode.CANCELLED
        try:
            reply = await _answer(read(body), context, method)
            code = grpc.StatusCode.OK
        except DecodeError as error:
            code = grpc.StatusCode.INVALID_ARGUMENT
            await context.abort(code, f"the request is no {descriptor.input_type.full_name}: {error}")
        except Refused as refusal:
            code = refusal.code
            await context.abort(code, str(refusal))
        except Exception:
            code = grpc.StatusCode.INTERNAL
            log.exception("call failed", method=descriptor.full_name)
            await context.abort(code, "a fault of the server; its log tells more")
        finally:
            seconds = time.perf_counter() - started
            observer.handled(descriptor.containing_service.full_name, descriptor.name, code.name, seconds)
        return reply

    if descriptor.server_streaming:
        return grpc.unary_stream_rpc_method_handler(answer)
    return grpc.unary_unary_rpc_method_handler(answer)


async def _answer(request: Message, context: Context, method: Method) -> bytes | None:
    waits = cast("float | None", context.time_remaining())  # None without a deadline, which the stubs do not know
    answer = method(request, None if waits is None else waits * SHARE_OF_TIME)
    if not isinstance(answer, AsyncGenerator):
        return (await answer).SerializeToString()
    async with contextlib.aclosing(answer):
        async for message in answer:
            await context.write(message.SerializeToString())
    return None
