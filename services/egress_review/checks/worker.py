"""The scan worker of a cluster: takes jobs off the spool, does each in a cell, leaves answers. No network, no secret.

`python -m egress_review scan` runs it, in a pod of its own. One per spool. A job whose worker was ended twice in the
middle is answered as crashed: a file that kills whoever reads it is blocked, and holds nobody else up.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from egress_review.checks import cell
from egress_review.checks.spool import (
    ANSWERS,
    BEGUN,
    JOBS,
    MOST_JOB,
    Parcel,
    SpoolError,
    read_bounded,
    waiting,
    write_whole,
)

TRIES: Final = 2
PAUSE_SECONDS: Final = 0.05
KEPT_SECONDS: Final = 3600.0
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """One thing a worker can do: what to compute from a job, and what a cell for it may use."""

    compute: Callable[[Parcel], bytes]
    limits: Callable[[Parcel], cell.CellLimits]


class ScanWorker:
    """`works` are the tasks it knows, by the name a job gives."""

    def __init__(self, spool: Path, works: Mapping[str, Work], alive: Callable[[], None] = lambda: None) -> None:
        """`alive` is called at each look at the spool."""
        self._alive = alive
        self._jobs = spool / JOBS
        self._answers = spool / ANSWERS
        self._works = works

    def run(self, stopping: threading.Event) -> None:
        """Until told to stop."""
        self._answers.mkdir(exist_ok=True)
        while not stopping.is_set():
            self._alive()
            if not self.once():
                stopping.wait(PAUSE_SECONDS)

    def once(self) -> int:
        """Answer everything that waits; how much that was."""
        done = sum(self._answer(name) for name in self._unanswered())
        if not done:
            self._sweep()
        return done

    def _unanswered(self) -> Iterator[str]:
        for name in waiting(self._jobs):
            if not (self._answers / name).exists():
                yield name

    def _answer(self, name: str) -> int:
        begun = self._answers / f"{name}{BEGUN}"
        tries = _count(begun) + 1
        write_whole(self._answers, begun.name, b"." * tries)
        told = cell.Told("crashed") if tries > TRIES else self._done(name)
        write_whole(self._answers, name, Parcel({"reason": told.reason}, told.output).packed())
        begun.unlink(missing_ok=True)
        log.info("job %s: %s", name[:12], told.reason)
        return 1

    def _done(self, name: str) -> cell.Told:
        try:
            content = read_bounded(self._jobs / name, MOST_JOB)
            if content is None:
                return cell.Told("crashed")
            job = Parcel.unpacked(content)
            work = self._works[str(job.facts.get("task"))]
            limits = work.limits(job)
        except (SpoolError, KeyError, TypeError, ValueError):
            return cell.Told("crashed")
        return cell.run(lambda: work.compute(job), limits)

    def _sweep(self) -> None:
        """What nobody fetched. A note of a job begun stays while its job may be asked for again."""
        before = time.time() - KEPT_SECONDS
        for path in self._answers.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()


def _count(begun: Path) -> int:
    """How often this job was begun and not finished; each begin is a byte."""
    return len(read_bounded(begun, TRIES + 1) or b"")
