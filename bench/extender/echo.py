"""The cheapest extender there can be: it answers every filter call with the names it was sent, unread.

What kube-scheduler loses with it is what calling *any* extender costs. ``python -m bench.extender.echo PORT``.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from extender.server.listener import Listener, ListenerSettings
from extender.server.messages import Request, Response
from extender.wire.answers import echoed_result

_START = b'"NodeNames":'


def echo(request: Request) -> Response:
    if not request.body:  # somebody looks whether it is there
        return Response(200, b"")
    names = request.body[request.body.rindex(_START) + len(_START) : -1].rstrip(b"}\n")
    return Response(200, echoed_result(bytes(names)))


async def serve(port: int) -> None:
    await Listener(ListenerSettings("127.0.0.1", port, 2**26, 64, 10.0, 120.0), echo).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
