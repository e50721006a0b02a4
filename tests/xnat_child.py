"""A pull in a process of its own, which tests kill or starve: `python -m xnat_child kill|starve URL PLACE POINT NTH`.

`kill` ends itself with SIGKILL the NTH time the pull comes to POINT. `starve` runs on a small disk of its own,
fills it at POINT, shows that the pull stops with DISK_FULL, makes room, and finishes.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from provisioner.domain.plan import Plan
from tidegate.model import TidegateError
from xnat_kit import EVERYTHING, blobs, dataset, journal_lines, pull, source


def main() -> None:
    kind, url, place, point, nth = sys.argv[1:]
    plan = source().plan(dataset(url), EVERYTHING)
    {"kill": kill, "starve": starve}[kind](plan, Path(place), point, int(nth))


def at(point: str, nth: int, do: Callable[[], None]) -> Callable[[str], None]:
    """A step that does something once, the nth time the pull comes by."""
    seen, lock = [0], threading.Lock()

    def step(name: str) -> None:
        with lock:
            seen[0] += name == point
            if name == point and seen[0] == nth:
                do()

    return step


def kill(plan: Plan, place: Path, point: str, nth: int) -> None:
    pull(plan, place, source(step=at(point, nth, lambda: os.kill(os.getpid(), signal.SIGKILL)), workers=1))


def starve(plan: Plan, place: Path, point: str, nth: int) -> None:
    filler = place / "filler"
    try:
        pull(plan, place, source(step=at(point, nth, lambda: fill(filler)), workers=1))
    except TidegateError as error:
        say(error.code, len(blobs(place)), len(journal_lines(place)))
    filler.unlink()
    result = pull(plan, place)
    say("then", len(result.files), len(blobs(place)), len(set(journal_lines(place))))


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def fill(filler: Path) -> None:
    """Write until the disk is full, and then byte by byte."""
    with filler.open("wb", buffering=0) as out:
        for size in (65536, 1):
            try:
                while out.write(b"x" * size):
                    pass
            except OSError:
                continue


if __name__ == "__main__":
    main()
