"""`python -m cluster.world`: what waits outside the cluster. Started by `cluster` in the world's network namespace.

A beacon that admits everyone, the stand-in for a cloud's metadata service, a name server that answers for made-up names
under `leak.test`, and the sample XNAT's address. Whatever reaches the first three is a line in `seen.jsonl`: a probe
that must be blocked is not only seen to fail, it is seen not to have arrived.
"""

import asyncio
import json
import socket
import time
from typing import cast

from cluster.forwarding import forward
from cluster.places import BEACON_ADDRESS, METADATA_ADDRESS, RUN, XNAT_ADDRESS, XNAT_PORT

SEEN = RUN / "world" / "seen.jsonl"
XNAT_INSIDE = 8104
BEACON_PORTS = (22, 53, 80, 443, 8000)
NAME_PORT = 53
REQUEST_SECONDS = 5
ZONE = ("leak", "test")
NO_SUCH_NAME = 3


async def serve() -> None:
    SEEN.parent.mkdir(parents=True, exist_ok=True)
    for address, ports in ((BEACON_ADDRESS, BEACON_PORTS), (METADATA_ADDRESS, (80,))):
        for port in ports:
            await asyncio.start_server(_answered, address, port)
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(NameServer, local_addr=(BEACON_ADDRESS, NAME_PORT))
    await forward(socket.create_server((XNAT_ADDRESS, XNAT_PORT)), "127.0.0.1", XNAT_INSIDE)


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every connection is an arrival, also one that says nothing."""
    here, there = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
    try:
        request = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_SECONDS)
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        request = b""
    line = request.split(b"\r\n")[0].decode("latin-1")
    _note(f"tcp://{here[0]}:{here[1]}", there[0], line)
    body = json.dumps({"beacon": here[0], "you": there[0]}).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    try:
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()
    except OSError:
        return


class NameServer(asyncio.DatagramProtocol):
    """Answers A questions: the beacon's address for names under ``leak.test``, no such name for all others."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        labels, end = _question(data)
        _note(f"udp://{BEACON_ADDRESS}:{NAME_PORT}", addr[0], ".".join(labels))
        if end:
            self.transport.sendto(_name_answer(data, labels, end), addr)


def _question(data: bytes) -> tuple[tuple[str, ...], int]:
    """The name asked for, and where the question ends; no name and 0 for what is no question."""
    labels, place = [], 12
    while place < len(data) and data[place]:
        labels.append(data[place + 1 : place + 1 + data[place]].decode("latin-1"))
        place += 1 + data[place]
    return (tuple(labels), place + 5) if place + 5 <= len(data) else ((), 0)


def _name_answer(data: bytes, labels: tuple[str, ...], end: int) -> bytes:
    known = labels[-2:] == ZONE
    flags = 0x8580 | (0 if known else NO_SUCH_NAME)
    counts = (1, int(known), 0, 0)
    head = data[:2] + b"".join(number.to_bytes(2, "big") for number in (flags, *counts))
    address = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04" + socket.inet_aton(BEACON_ADDRESS)
    return head + data[12:end] + (address if known else b"")


def _note(what: str, who: str, said: str) -> None:
    with SEEN.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"at": time.time(), "reached": what, "from": who, "said": said}) + "\n")


if __name__ == "__main__":
    asyncio.run(serve())
