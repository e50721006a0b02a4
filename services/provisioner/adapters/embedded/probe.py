"""Runs inside the sandbox and tries to get out; the canary reads this file and passes it to the sandbox's Python.

Standard library only, and no import of ours: nothing of ours is in the sandbox. Prints one JSON object.
"""

import json
import socket
import sys
from pathlib import Path

SECONDS = 0.5
ROUNDS = 3


def reached(family: int, address: tuple[str, int] | str) -> str:
    """What came of an attempt to connect: ``answered``, or why not."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(SECONDS)
            client.connect(address)
            return "answered"
    except OSError as error:
        return type(error).__name__


def control() -> str:
    """The same attempt at a listener of our own, which must succeed: else a broken probe would look like a lock."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        return reached(socket.AF_INET, own.getsockname())


def interfaces() -> list[str]:
    """Every network interface there is."""
    return sorted(line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:])


def main() -> None:
    asked = json.load(sys.stdin)
    targets = [(socket.AF_INET, tuple(address)) for address in asked["tcp"]]
    targets.append((socket.AF_UNIX, "\0" + asked["abstract"]))
    told = {
        "nonce": asked["nonce"],
        "control": control(),
        "beacons": [reached(*target) for _ in range(ROUNDS) for target in targets],
        "interfaces": interfaces(),
        "namespace": str(Path("/proc/self/ns/net").readlink()),
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
