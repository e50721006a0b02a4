"""`python -m cluster up|down|test|install|start NAME|stop NAME|status|load ARCHIVE`: the test cluster from a shell.

The Makefile calls it with this repository's Python and `PYTHONPATH=tests`.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

from cluster import programs, site
from cluster.down import down
from cluster.images import load_image
from cluster.places import HERE, REPOSITORY, RUN
from cluster.up import cluster, install, refresh_sample, restart, up
from tidegate.model import TidegateError

# In the order of the files: tests that kill parts are many here, and what one leaves must be told from what it breaks.
_OPTIONS: Final = ("-q", "-p", "no:randomly", "-m", "not long", "--durations=40")
_PYTEST: Final = (sys.executable, "-m", "pytest", *_OPTIONS, str(HERE))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    parser.add_argument("what", choices=("up", "down", "test", "install", "start", "stop", "status", "load"))
    parser.add_argument("which", nargs="?", default="", help="a program for start and stop, an OCI archive for load")
    parser.add_argument("--keep", action="store_true", help="test: leave the cluster up")
    parser.add_argument("--bare", action="store_true", help="up: the node and the world, without the chart")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.what == "test":
            return test(keep=chosen.keep)
        _do(chosen.what, chosen.which, bare=chosen.bare)
    except TidegateError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a program's message to its user
        return 1
    return 0


def test(*, keep: bool) -> int:
    """Up, the tests of this folder, and down again whatever came out; the exit code is pytest's.

    A process of its own brings the cluster up and ends: whoever started a program must also wait for its end, else
    what was killed stays a zombie, and PostgreSQL will not start beside the number of its dead predecessor.
    """
    install()
    try:
        came_up = subprocess.run([sys.executable, "-m", "cluster", "up"], check=False).returncode
        return came_up or subprocess.run(_PYTEST, cwd=REPOSITORY, check=False).returncode
    finally:
        if not keep:
            down()


def _images() -> dict[str, str]:
    site.build_images()
    return site.load_images()


def _do(what: str, which: str, *, bare: bool) -> None:
    match what:
        case "up":
            up(bare=bare)
        case "down":
            down()
        case "install":
            refresh_sample()
            site.install(cluster(), _images())
        case "start":
            restart(which)
        case "stop":
            programs.stop(RUN, which)
        case "load":
            print(load_image(Path(which)))  # noqa: T201
        case _:
            for name in sorted(programs.names_of(RUN)):
                print(f"{name:28}{programs.pid_of(RUN, name) or 'ended'}")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
