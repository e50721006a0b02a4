"""`python -m cluster.gateway`: doors on this machine's loopback into the cluster; started by `cluster` when it goes up.

It listens in the machine's network namespace and connects from the world's: a socket stays in the namespace it was
made in. No interface joins the two, so nothing in the cluster can find its way back.
"""

import asyncio
import ctypes
import os
import socket

from cluster.forwarding import forward
from cluster.places import DOORS, WORLD

NEW_NETWORK = 0x40000000  # CLONE_NEWNET; os.setns exists from Python 3.12 on


async def serve() -> None:
    listeners = {port: socket.create_server(("127.0.0.1", port), backlog=128) for port in DOORS}
    enter(WORLD)
    await asyncio.gather(*(forward(listeners[port], *target) for port, target in DOORS.items()))


def enter(network: str) -> None:
    with open(f"/run/netns/{network}", "rb") as namespace:  # noqa: PTH123 - the descriptor is what is wanted
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), NEW_NETWORK) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    asyncio.run(serve())
