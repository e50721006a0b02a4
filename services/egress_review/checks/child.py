"""The program inside the sandbox: reads one job from standard input, answers with one JSON line on standard output.

The job is one JSON line (`Job`), then the bytes of the pack, then the bytes of the file. They come through the pipe
and not by path, so the sandbox needs to see nothing of the quarantine. Started by `runner.scan`; the scan worker of a
cluster calls `answer_bytes` in a cell.
"""

import hashlib
import io
import json
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import IO, Any, Final

from egress_review.checks.identifiers import Pack
from egress_review.checks.inspection import CHECKS, inspect
from egress_review.checks.limits import ScanLimits

OUT_OF_MEMORY: Final = 77
NO_PACK: Final = Pack("", frozenset(), frozenset())


@dataclass(frozen=True)
class Job:
    """What to scan. `pack` and `file` count the bytes that follow; a project without a cohort has no pack."""

    name: str
    permitted: tuple[str, ...]
    limits: ScanLimits
    pack: int
    file: int

    @classmethod
    def of(cls, name: str, permitted: Collection[str], limits: ScanLimits, pack: bytes, data: bytes) -> bytes:
        """A whole job as it is sent."""
        return cls(name, tuple(sorted(permitted)), limits, len(pack), len(data)).line() + pack + data

    def line(self) -> bytes:
        plain = {**vars(self), "limits": self.limits.as_json()}
        return json.dumps(plain).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Job":
        raw = json.loads(line)
        return cls(**{**raw, "permitted": tuple(raw["permitted"]), "limits": ScanLimits(**raw["limits"])})


def answer(source: IO[bytes]) -> dict[str, Any]:
    """Scan the one job of this stream."""
    job = Job.read(source.readline())
    pack = Pack.read(_exactly(source, job.pack)) if job.pack else NO_PACK
    data = _exactly(source, job.file)
    kind, findings = inspect(job.name, data, job.permitted, pack, job.limits)
    return {
        "kind": kind,
        "sha256": hashlib.sha256(data).hexdigest(),
        "checks": list(CHECKS),
        "findings": [finding.as_json() for finding in findings],
    }


def answer_bytes(job: bytes) -> bytes:
    return json.dumps(answer(io.BytesIO(job))).encode()


def _exactly(source: IO[bytes], count: int) -> bytes:
    data = source.read(count)
    if len(data) != count:
        msg = "the job broke off"
        raise EOFError(msg)
    return data


def main() -> int:
    try:
        told = json.dumps(answer(sys.stdin.buffer))
    except MemoryError:
        return OUT_OF_MEMORY
    sys.stdout.write(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
