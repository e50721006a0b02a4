"""Scans one file in a sandbox of its own, and turns every way that can fail into a block. Called by the scan worker."""

import hashlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from egress_review.checks.answers import MOST_ANSWER, ScanResult, failed, read_answer
from egress_review.checks.child import OUT_OF_MEMORY, Job
from egress_review.checks.limits import ScanLimits
from tidegate.sandbox import Finished, Limits, SandboxSpec, python_binds, run

MEBIBYTE: Final = 1024 * 1024


def scan(  # noqa: PLR0913 - each is a fact of its own
    data: bytes,
    name: str,
    pack: bytes,
    permitted: Collection[str],
    limits: ScanLimits,
    venv: Path,
    *,
    uid: int | None = None,
    gid: int | None = None,
) -> ScanResult:
    """Scan one file. Needs `uid` and `gid` where the caller is root.

    Args:
        data: the file.
        name: the name its author gave it; a hint, and itself searched.
        pack: the cohort pack of the project; empty for a project without a cohort.
        permitted: the types the project may release.
        limits: how much the scan takes on.
        venv: the Python environment of the services.
        uid: the user the sandbox runs as.
        gid: its group.

    Raises:
        TidegateError: no sandbox is possible here; the request then waits.
    """
    stdin = Job.of(name, permitted, limits, pack, data)
    finished = run(_spec(limits, venv, uid, gid), stdin=stdin, timeout=limits.seconds, max_output=MOST_ANSWER)
    return _result(finished, name, hashlib.sha256(data).hexdigest(), permitted)


def _spec(limits: ScanLimits, venv: Path, uid: int | None, gid: int | None) -> SandboxSpec:
    where = Path(os.path.abspath(venv))  # noqa: PTH100 - resolve() would follow the environment's own links
    return SandboxSpec(
        name="scan",
        argv=(str(where / "bin" / "python"), "-I", "-m", "egress_review.checks.child"),
        binds=python_binds(where, str(where)),
        env={"PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        limits=Limits(memory_bytes=limits.memory_bytes, pids=16, cpus=1.0, tmp_bytes=MEBIBYTE),
        uid=uid,
        gid=gid,
        pid_1=False,
    )


def _result(finished: Finished, name: str, sha256: str, permitted: Collection[str]) -> ScanResult:
    if finished.reason != "done":
        return failed(finished.reason, name, sha256)
    if finished.returncode != 0:
        return failed("memory" if finished.returncode == OUT_OF_MEMORY else "crashed", name, sha256)
    return read_answer(finished.stdout, name, sha256, permitted)
