"""Judges and redraws through the spool of a cluster: the scan worker that reads it has neither network nor secrets.

Gives `adapters.scan` its `Judge` and its `Redraw`. The worker reads hostile files, so its words are judged as theirs.
While it does not answer, nothing is decided: the request waits and the next try asks again.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from egress_review.adapters.pictures import Redrawn, read_redrawn
from egress_review.adapters.scan import CHECKS, REDRAW, Judge, Redraw, limits_of
from egress_review.checks import ScanResult
from egress_review.checks.answers import failed, read_answer
from egress_review.checks.child import Job
from egress_review.checks.spool import (
    ANSWERS,
    JOBS,
    MOST_ANSWER,
    MOST_JOB,
    Parcel,
    SpoolError,
    make_folders,
    name_of,
    read_bounded,
    waiting,
    write_whole,
)
from tidegate.model import Project, TidegateError

SCAN: Final = "scan"
DRAW: Final = "redraw"
WAIT_SECONDS: Final = 120.0
PAUSE_SECONDS: Final = 0.05
LEFT_BEHIND_SECONDS: Final = 3600.0
SIGNATURES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Literal["done", "timeout", "memory", "output_limit", "crashed"]


@dataclass(frozen=True)
class Spool:
    """One spool as its dispatcher sees it."""

    folder: Path
    wait_seconds: float = WAIT_SECONDS
    clock: Callable[[], float] = time.monotonic

    def prepare(self, now: float) -> None:
        """Make the folders, and let go of jobs that a dispatcher which is gone left behind. `now` as of `time.time`."""
        make_folders(self.folder)
        for name in waiting(self.folder / JOBS):
            job = self.folder / JOBS / name
            if job.lstat().st_mtime < now - LEFT_BEHIND_SECONDS:
                job.unlink(missing_ok=True)

    def ask(self, job: Parcel) -> tuple[str, bytes]:
        """How the job ended, and its bytes.

        Raises:
            TidegateError: ``scanner_down`` while no worker answers, ``spool_full``, ``spool_invalid``.
        """
        packed = job.packed()
        if len(packed) > MOST_JOB:
            return "memory", b""
        name = name_of(packed)
        try:
            write_whole(self.folder / JOBS, name, packed)
            return self._answer(self._wait(name))
        except OSError as error:
            raise TidegateError("spool_full", f"The scan's spool cannot be used: {error.strerror}.") from error
        except (SpoolError, ValidationError) as error:
            raise TidegateError("spool_invalid", "What the scanner left is no answer.") from error
        finally:
            for folder in (JOBS, ANSWERS):
                _remove(self.folder / folder / name)

    def _wait(self, name: str) -> bytes:
        deadline = self.clock() + self.wait_seconds
        while (answer := read_bounded(self.folder / ANSWERS / name, MOST_ANSWER)) is None:
            if self.clock() > deadline:
                raise TidegateError(
                    "scanner_down", "The scanner does not answer.", "The file waits and is tried again."
                )
            time.sleep(PAUSE_SECONDS)
        return answer

    @staticmethod
    def _answer(content: bytes) -> tuple[str, bytes]:
        answer = Parcel.unpacked(content)
        return _Facts.model_validate(answer.facts).reason, answer.body


def spooled(spool: Spool) -> tuple[Judge, Redraw]:
    """The checks and the drawing of pictures, done by the scan worker."""

    def judge(data: bytes, name: str, pack: bytes, project: Project) -> ScanResult:
        permitted, limits = project.spec.policy.permitted_types, limits_of(project)
        facts = {"task": SCAN, "version": CHECKS, "limits": limits.as_json()}
        reason, told = spool.ask(Parcel(facts, Job.of(name, permitted, limits, pack, data)))
        sha256 = hashlib.sha256(data).hexdigest()
        return read_answer(told, name, sha256, permitted) if reason == "done" else failed(reason, name, sha256)

    def redraw(original: bytes) -> Redrawn | None:
        reason, told = spool.ask(Parcel({"task": DRAW, "version": REDRAW}, original))
        drawn = read_redrawn(told) if reason == "done" else None
        return drawn if drawn and _are_pictures(original, drawn) else None

    return judge, redraw


def _are_pictures(original: bytes, drawn: Redrawn) -> bool:
    """The copy is of the kind that came, the picture a PNG."""
    kinds = [signature for signature in SIGNATURES if original.startswith(signature)]
    return bool(kinds) and drawn.copy.startswith(kinds[0]) and drawn.picture.startswith(SIGNATURES[0])


def _remove(path: Path) -> None:
    """A worker in strange hands could have put a folder there; then it stays and is in nobody's way."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
