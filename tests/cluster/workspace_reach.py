"""Tries to reach a table of addresses and prints what came of each, as one line of JSON. Runs inside a workspace.

Started as a cell, or beside the containers' own processes; the line of `TARGETS` is filled by the test.
"""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

TARGETS: dict[str, tuple[str, str, int]] = {}
SECONDS = 1.5
# A question for the made-up name `way.leak.test`, type A.
QUESTION = b"\x17\x1d\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03way\x04leak\x04test\x00\x00\x01\x00\x01"
NO_SOCKET = 95


def reach(target: tuple[str, str, int]) -> str:
    kind, host, port = target
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as tried:
            tried.settimeout(SECONDS)
            tried.connect((host, port))
            if kind == "udp":
                tried.send(QUESTION)
                tried.recv(512)
            return "open"
    except OSError as error:
        return "no socket" if error.errno == NO_SOCKET else "closed"


with ThreadPoolExecutor(16) as pool:
    seen = dict(zip(TARGETS, pool.map(reach, TARGETS.values()), strict=True))
print(json.dumps(seen))  # noqa: T201 - what it is for
