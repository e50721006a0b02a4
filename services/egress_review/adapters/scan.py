"""`ports.Scanner`: has one file of the quarantine judged in a sandbox and puts its sanitised copy beside it.

Fails closed: whatever goes wrong is a problem the worker tries again, never an answer.
"""

import io
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import tidegate
from egress_review.adapters.pictures import SandboxUser, redraw
from egress_review.adapters.views import PICTURES, TEXTS
from egress_review.checks import Finding as CheckFinding
from egress_review.checks import ScanLimits, ScanResult, scan
from egress_review.domain.request import Finding, OutputFile, Severity
from egress_review.ports import ScanOutcome
from tidegate.model import Project, digest_of
from tidegate.objects import FolderObjects
from tidegate.store import SqliteStore

SEVERITIES: Final = {"block": Severity.BLOCK, "flag": Severity.FLAG, "info": Severity.NOTE}
CHECKS: Final = f"checks/{tidegate.__version__}"
REDRAW: Final = "redraw/1"
OWNER: Final = "egress/scan"
log = logging.getLogger(__name__)

Judge = Callable[[Path, str, Path, Project], ScanResult]


def sandbox_user(store: SqliteStore) -> SandboxUser:
    """The user scans run as: a number of this machine kept for them where we are root, ourselves where not."""
    if os.geteuid() != 0:
        return SandboxUser(None, None)
    return SandboxUser(store.host_id(OWNER), store.host_id(f"{OWNER}/group"))


def sandboxed_judge(user: SandboxUser) -> Judge:
    """The checks, each file in a sandbox of its own."""

    def judge(path: Path, name: str, pack: Path, project: Project) -> ScanResult:
        policy = project.spec.policy
        limits = limits_of(project)
        venv = Path(sys.prefix)
        return scan(path, name, pack, policy.permitted_types, limits, venv, uid=user.uid, gid=user.gid)

    return judge


def limits_of(project: Project) -> ScanLimits:
    return ScanLimits(file_bytes=project.spec.policy.max_file_bytes)


@dataclass(frozen=True)
class SandboxScanner:
    """`packs` holds what is known of each project's cohort; without it nothing can be judged."""

    quarantine: FolderObjects
    packs: Path
    judge: Judge
    user: SandboxUser

    def criteria(self, project: Project) -> str:
        profile = project.spec.policy.model_dump(mode="json")
        pack = self._pack(project)
        known = digest_of(pack.read_text(encoding="utf-8")) if pack.exists() else ""
        limits = limits_of(project).as_json()
        return digest_of({"profile": profile, "limits": limits, "checks": CHECKS, "copy": REDRAW, "pack": known})

    def scan(self, file: OutputFile, project: Project) -> ScanOutcome:
        try:
            return self._scan(file, project)
        except Exception as error:
            log.exception("a file could not be scanned")
            return ScanOutcome(None, f"The scan gave no answer ({type(error).__name__}).")

    def _scan(self, file: OutputFile, project: Project) -> ScanOutcome:
        if not self.quarantine.verify(file.sha256):
            return ScanOutcome(None, "The stored file is not the one that arrived.")
        if not self._pack(project).exists():
            return ScanOutcome(None, "What is known of the project's cohort is not there, so nothing can be compared.")
        result = self.judge(self.quarantine.path(file.sha256), file.name, self._pack(project), project)
        if result.sha256 != file.sha256:
            return ScanOutcome(None, "The scan judged another file than the one that arrived.")
        findings = tuple(_finding(file, found) for found in result.findings)
        clean = replace(file, sanitised="", sanitised_size=0, picture="")
        scanned = replace(clean, kind=result.kind or "unknown", findings=findings, checks=result.checks)
        return ScanOutcome(scanned if scanned.blocks else self._with_copy(scanned))

    def _with_copy(self, file: OutputFile) -> OutputFile:
        """What leaves: the pixels of a picture drawn anew; the very bytes of a text or table that was read whole."""
        if file.kind not in PICTURES | TEXTS:
            return replace(file, findings=(*file.findings, UNSHOWABLE))
        if file.kind not in PICTURES:
            return replace(file, sanitised=file.sha256, sanitised_size=file.size)
        with self.quarantine.open(file.sha256) as stream:
            drawn = redraw(stream.read(), self.user)
        if drawn is None:
            return replace(file, findings=(*file.findings, UNDRAWABLE))
        copy, picture = self._keep(drawn.copy), self._keep(drawn.picture)
        return replace(file, sanitised=copy, sanitised_size=len(drawn.copy), picture=picture)

    def _keep(self, content: bytes) -> str:
        return self.quarantine.put(io.BytesIO(content)).sha256

    def _pack(self, project: Project) -> Path:
        return self.packs / f"{project.name}.json"


def _finding(file: OutputFile, found: CheckFinding) -> Finding:
    """A check's finding as it is kept; its fingerprint names it in this very file."""
    return Finding(
        code=found.code,
        kind=found.kind,
        severity=SEVERITIES[found.severity],
        detail=found.checker,
        location=found.location,
        excerpt=found.excerpt,
        remedy=found.researcher,
        detector=CHECKS,
        fingerprint=digest_of([file.sha256, found.code, found.location, found.excerpt]),
    )


UNDRAWABLE: Final = Finding(
    code="TYPE.PICTURE_UNREADABLE",
    kind="check_failed",
    severity=Severity.BLOCK,
    detail="The picture could not be drawn anew, so nobody could look at what would leave.",
    remedy="Save it again as a plain 8-bit PNG or JPEG of at most 50 million pixels.",
    detector=REDRAW,
    fingerprint=REDRAW,
)
UNSHOWABLE: Final = Finding(
    code="VIEW.NONE",
    kind="unsupported_type",
    severity=Severity.BLOCK,
    detail="There is no decoded view of this type, so nobody could say what would leave.",
    remedy="Release its content as tables, texts or pictures.",
    detector=CHECKS,
    fingerprint="view/none",
)
