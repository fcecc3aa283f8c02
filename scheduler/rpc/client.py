"""A client of the ImagePlatform API, for programs in Python.

    async with ImagePlatformClient("images.example:10262", authority=Path("ca.pem")) as client:
        for image in await client.resolve(["nginx:1.27"]):
            print(image.name, [platform.architecture for platform in image.platforms])

Owns the connection. Messages are those of ``proto/image_platform.proto``, failed calls are ``grpc.aio.AioRpcError``.
Calls wait ``seconds`` at most, 10 unless it is said otherwise.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import grpc.aio

from scheduler.rpc.proto import image_platform_pb2 as pb
from scheduler.rpc.proto.image_platform_pb2_grpc import ImagePlatformStub

SECONDS = 10.0


class ImagePlatformClient:
    """``address``: HOST:PORT. ``authority``: PEM, by which the server is trusted; None connects without TLS.

    ``identity``: certificate and key in PEM, for a server that insists on one.
    """

    def __init__(
        self, address: str, *, authority: Path | None = None, identity: tuple[Path, Path] | None = None
    ) -> None:
        if authority is None:
            self._channel = grpc.aio.insecure_channel(address)
        else:
            certificate, key = (None, None) if identity is None else (path.read_bytes() for path in identity)
            credentials = grpc.ssl_channel_credentials(authority.read_bytes(), key, certificate)
            self._channel = grpc.aio.secure_channel(address, credentials)
        self._stub = ImagePlatformStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._channel.close()

    async def resolve(self, images: Iterable[str], *, seconds: float = SECONDS) -> Sequence[pb.Image]:
        """What images are built for, in the order given."""
        response: pb.ResolveResponse = await self._stub.Resolve(pb.ResolveRequest(images=images), timeout=seconds)
        return response.images

    async def explain(
        self, namespace: str, name: str, *, platforms: Iterable[str] = (), seconds: float = SECONDS
    ) -> pb.ExplainResponse:
        """Where a pod of the cluster can run: on its nodes, or on the given platforms."""
        request = pb.ExplainRequest(name=pb.PodName(namespace=namespace, name=name), platforms=platforms)
        response: pb.ExplainResponse = await self._stub.Explain(request, timeout=seconds)
        return response

    async def explain_manifest(
        self, manifest: str, *, platforms: Iterable[str] = (), seconds: float = SECONDS
    ) -> pb.ExplainResponse:
        """The same of a pod that need not exist, given as JSON."""
        request = pb.ExplainRequest(manifest=manifest, platforms=platforms)
        response: pb.ExplainResponse = await self._stub.Explain(request, timeout=seconds)
        return response

    async def watch(self, images: Iterable[str] = ()) -> AsyncGenerator[pb.Image, None]:
        """What is known of images, and then each change; of all images when none is named. Has no end of its own."""
        call = self._stub.Watch(pb.WatchRequest(images=images))
        response: pb.WatchResponse
        try:
            async for response in call:
                yield response.image
        finally:
            call.cancel()  # a caller that has heard enough
