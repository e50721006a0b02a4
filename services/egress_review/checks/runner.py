"""Scans one file in a sandbox of its own, and turns every way that can fail into a block. Called by the scan worker."""

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from egress_review.checks.catalogue import found
from egress_review.checks.child import OUT_OF_MEMORY, Job
from egress_review.checks.finding import Finding
from egress_review.checks.limits import ScanLimits
from tidegate.sandbox import Finished, Limits, SandboxSpec, python_binds, run

MOST_OUTPUT: Final = 1024 * 1024
MEBIBYTE: Final = 1024 * 1024
FAILED: Final = {"timeout": "SCAN.TIMEOUT", "memory": "SCAN.MEMORY", "output_limit": "SCAN.CRASHED"}


@dataclass(frozen=True)
class ScanResult:
    """`kind` is the type a strict parser proved, or empty; `checks` what was looked for, or empty where it failed."""

    kind: str
    sha256: str
    checks: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def blocked(self) -> bool:
        return any(finding.severity == "block" for finding in self.findings)


def scan(  # noqa: PLR0913 - each is a fact of its own
    path: Path,
    name: str,
    pack: Path | None,
    permitted: Collection[str],
    limits: ScanLimits,
    venv: Path,
    *,
    uid: int | None = None,
    gid: int | None = None,
) -> ScanResult:
    """Scan one file. Needs `uid` and `gid` where the caller is root.

    Args:
        path: the file in quarantine.
        name: the name its author gave it; a hint, and itself searched.
        pack: the cohort pack of the project; None for a project without a cohort.
        permitted: the types the project may release.
        limits: how much the scan takes on.
        venv: the Python environment of the services.
        uid: the user the sandbox runs as.
        gid: its group.

    Raises:
        OSError: the file or the pack cannot be read; the request then waits.
        TidegateError: no sandbox is possible here; the request then waits.
    """
    data, known = path.read_bytes(), pack.read_bytes() if pack else b""
    job = Job(name, tuple(sorted(permitted)), limits, len(known), len(data))
    spec = _spec(limits, venv, uid, gid)
    finished = run(spec, stdin=job.line() + known + data, timeout=limits.seconds, max_output=MOST_OUTPUT)
    return _result(finished, name, hashlib.sha256(data).hexdigest())


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


def _result(finished: Finished, name: str, sha256: str) -> ScanResult:
    failure = _failure(finished)
    if failure:
        return ScanResult("", sha256, (), (found(failure, name),))
    try:
        told = json.loads(finished.stdout)
        findings = tuple(Finding(**finding) for finding in told["findings"])
        result = ScanResult(str(told["kind"]), str(told["sha256"]), tuple(told["checks"]), findings)
    except (ValueError, TypeError, KeyError):
        return ScanResult("", sha256, (), (found("SCAN.CRASHED", name),))
    return result if result.sha256 == sha256 else ScanResult("", sha256, (), (found("SCAN.CRASHED", name),))


def _failure(finished: Finished) -> str:
    if finished.reason in FAILED:
        return FAILED[finished.reason]
    if finished.returncode == OUT_OF_MEMORY:
        return "SCAN.MEMORY"
    return "SCAN.CRASHED" if finished.returncode != 0 else ""
