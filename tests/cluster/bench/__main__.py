"""`python -m cluster.bench [projects] [deadline] [ready]`: the bars, each with what was seen and whether it held.

`projects` needs no node and brings its own control plane; the other two need the cluster that `make cluster` leaves up.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from cluster.bench import deadline, projects, ready
from cluster.bench.bars import Bar, say
from cluster.places import CACHE

PLACE: Final = CACHE / "bench"
NAMES: Final = ("projects", "deadline", "ready")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m cluster.bench", description=__doc__)
    parser.add_argument("which", nargs="*", help=f"of {', '.join(NAMES)}; all without one")
    parser.add_argument("--projects", type=int, default=1000)
    parser.add_argument("--drifted", type=int, default=500)
    parser.add_argument("--pods", type=int, default=40)
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.which) - set(NAMES))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}")
    benches: dict[str, Callable[[], Iterable[Bar]]] = {
        "projects": lambda: projects.main(PLACE, chosen.projects, chosen.drifted),
        "deadline": lambda: deadline.main(chosen.pods),
        "ready": lambda: ready.main(Path(PLACE)),
    }
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped then too
    return run({name: benches[name] for name in chosen.which or NAMES})


def run(benches: dict[str, Callable[[], Iterable[Bar]]]) -> int:
    """Print each; 1 where a bar was not held."""
    held = True
    for name, bench in benches.items():
        began = time.monotonic()
        say(f"== {name}")
        for bar in bench():
            say(str(bar))
            held = held and bar.held
        load = f"load {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores in the last five minutes"
        say(f"   {time.monotonic() - began:.0f} s, {load}\n")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
