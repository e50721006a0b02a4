"""Runs inside a pod and tries every address of its table; ends well where all answered as they should, three times.

First init container of workspaces, pulls and the canary. Standard library alone, and no import of ours, so that it
starts at once. Says what it saw in the container's termination message, one JSON object, which the controller reads.

A new pod may have no network yet, or no policy yet: rounds go on until three running were right, or the time is over.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SECONDS = 0.7
ROUNDS = 3
PATIENCE_SECONDS = 20.0
PAUSE_SECONDS = 0.2
MESSAGE = "/dev/termination-log"
# A question for the name `probe.tidegate.invalid`, type A; any answer at all is an answer.
QUESTION = b"\x17\x1d\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05probe\x08tidegate\x07invalid\x00\x00\x01\x00\x01"
NODE = "node"

OPEN, CLOSED = "open", "closed"


def tcp(host: str, port: int) -> str:
    """``open`` where it connects. A refusal comes from the host itself, so it was reached too."""
    try:
        with socket.create_connection((host, port), SECONDS):
            return OPEN
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return CLOSED


def udp(host: str, port: int) -> str:
    """``open`` where a question about a made-up name is answered, even by a refusal of the host."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(SECONDS)
            client.connect((host, port))
            client.send(QUESTION)
            client.recv(512)
            return OPEN
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return CLOSED


ASK: Mapping[str, Callable[[str, int], str]] = {"tcp": tcp, "udp": udp}


def one_round(targets: list[dict[str, Any]], node: str) -> dict[str, str]:
    """What came of each target, all asked at once."""

    def ask(target: dict[str, Any]) -> tuple[str, str]:
        host = node if target["host"] == NODE else str(target["host"])
        return str(target["name"]), ASK[target.get("protocol", "tcp")](host, int(target["port"]))

    with ThreadPoolExecutor(max(1, len(targets))) as pool:
        return dict(pool.map(ask, targets))


def is_right(targets: list[dict[str, Any]], seen: Mapping[str, str]) -> bool:
    """A target that must be closed was neither open nor refused by its host; a target that must be open was open."""
    return bool(targets) and all(seen[str(target["name"])] == target["expect"] for target in targets)


def rounds(
    targets: list[dict[str, Any]],
    node: str,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Rounds until `ROUNDS` running were right. ``good`` counts the last right ones; ``seen`` is the last round."""
    end, good, tried = clock() + PATIENCE_SECONDS, 0, 0
    while True:
        seen = one_round(targets, node)
        tried += 1
        good = good + 1 if is_right(targets, seen) else 0
        if good == ROUNDS or clock() >= end:
            return {"ok": good == ROUNDS, "good": good, "rounds": tried, "seen": seen}
        pause(PAUSE_SECONDS)


def main(message: str = MESSAGE) -> int:
    asked = json.loads(os.environ["TIDEGATE_PROBE"])
    told = {"nonce": asked.get("nonce", ""), **rounds(asked["targets"], os.environ.get("TIDEGATE_NODE", ""))}
    text = json.dumps(told, sort_keys=True)
    Path(message).write_text(text, encoding="utf-8")
    sys.stdout.write(text + "\n")
    return 0 if told["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
