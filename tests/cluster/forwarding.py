"""Passes TCP connections on, byte by byte; used by `gateway` and `world`."""

import asyncio
import contextlib
import socket

CHUNK = 65536


async def forward(listener: socket.socket, address: str, port: int) -> None:
    """Serve until cancelled: each connection to `listener` becomes one to `address`."""

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            there_reader, there_writer = await asyncio.open_connection(address, port)
            with contextlib.closing(there_writer):
                await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))

    server = await asyncio.start_server(passed_on, sock=listener)
    await server.serve_forever()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Until the source ends; the end is passed on too."""
    with contextlib.suppress(OSError):
        while chunk := await source.read(CHUNK):
            target.write(chunk)
            await target.drain()
    with contextlib.suppress(OSError):
        target.write_eof()
