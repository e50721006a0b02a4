"""`ports.Scanner`: has one file of the quarantine judged and puts its sanitised copy beside it.

Who parses the bytes is handed in: on one machine a sandbox (`sandboxed`), on a cluster the scan worker behind the spool
(`adapters.spool`). Fails closed: whatever goes wrong is a problem the worker tries again, never an answer.
"""

import io
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import tidegate
from egress_review.adapters.pictures import Redrawn, SandboxUser, redraw
from egress_review.adapters.views import PICTURES, TEXTS
from egress_review.checks import Finding as CheckFinding
from egress_review.checks import ScanLimits, ScanResult, scan
from egress_review.domain.request import Finding, OutputFile, Severity
from egress_review.ports import ScanOutcome
from tidegate.model import Project, TidegateError, digest_of
from tidegate.objects import ObjectStore
from tidegate.store import SqliteStore

SEVERITIES: Final = {"block": Severity.BLOCK, "flag": Severity.FLAG, "info": Severity.NOTE}
CHECKS: Final = f"checks/{tidegate.__version__}"
REDRAW: Final = "redraw/1"
OWNER: Final = "egress/scan"
log = logging.getLogger(__name__)

Judge = Callable[[bytes, str, bytes, Project], ScanResult]
Redraw = Callable[[bytes], Redrawn | None]


class Packs(Protocol):
    def pack(self, project: str) -> bytes | None:
        """What is known of a project's cohort, as JSON; None where it was never made."""
        ...


@dataclass(frozen=True)
class FolderPacks:
    """Beside the other state of one machine; the provisioner puts them there."""

    folder: Path

    def pack(self, project: str) -> bytes | None:
        try:
            return (self.folder / f"{project}.json").read_bytes()
        except FileNotFoundError:
            return None


def sandbox_user(store: SqliteStore) -> SandboxUser:
    """The user scans run as: a number of this machine kept for them where we are root, ourselves where not."""
    if os.geteuid() != 0:
        return SandboxUser(None, None)
    return SandboxUser(store.host_id(OWNER), store.host_id(f"{OWNER}/group"))


def sandboxed(user: SandboxUser) -> tuple[Judge, Redraw]:
    """The checks and the drawing of pictures, each file in a sandbox of its own."""

    def judge(data: bytes, name: str, pack: bytes, project: Project) -> ScanResult:
        permitted, limits = project.spec.policy.permitted_types, limits_of(project)
        return scan(data, name, pack, permitted, limits, Path(sys.prefix), uid=user.uid, gid=user.gid)

    return judge, lambda original: redraw(original, user)


def limits_of(project: Project) -> ScanLimits:
    return ScanLimits(file_bytes=project.spec.policy.max_file_bytes)


@dataclass(frozen=True)
class FileScanner:
    """`packs` holds what is known of each project's cohort; without it nothing can be judged."""

    quarantine: ObjectStore
    packs: Packs
    judge: Judge
    redraw: Redraw

    def criteria(self, project: Project) -> str:
        profile = project.spec.policy.model_dump(mode="json")
        pack = self.packs.pack(project.name)
        known = digest_of(pack.decode()) if pack is not None else ""
        limits = limits_of(project).as_json()
        return digest_of({"profile": profile, "limits": limits, "checks": CHECKS, "copy": REDRAW, "pack": known})

    def scan(self, file: OutputFile, project: Project) -> ScanOutcome:
        try:
            return self._scan(file, project)
        except TidegateError as error:
            log.warning("a file could not be scanned: %s", error.code)
            return ScanOutcome(None, f"The scan gave no answer: {error.sentence}")
        except Exception as error:
            log.exception("a file could not be scanned")
            return ScanOutcome(None, f"The scan gave no answer ({type(error).__name__}).")

    def _scan(self, file: OutputFile, project: Project) -> ScanOutcome:
        if not self.quarantine.verify(file.sha256):
            return ScanOutcome(None, "The stored file is not the one that arrived.")
        pack = self.packs.pack(project.name)
        if pack is None:
            return ScanOutcome(None, "What is known of the project's cohort is not there, so nothing can be compared.")
        result = self.judge(self._bytes(file), file.name, pack, project)
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
        drawn = self.redraw(self._bytes(file))
        if drawn is None:
            return replace(file, findings=(*file.findings, UNDRAWABLE))
        copy, picture = self._keep(drawn.copy), self._keep(drawn.picture)
        return replace(file, sanitised=copy, sanitised_size=len(drawn.copy), picture=picture)

    def _keep(self, content: bytes) -> str:
        return self.quarantine.put(io.BytesIO(content)).sha256

    def _bytes(self, file: OutputFile) -> bytes:
        with self.quarantine.open(file.sha256) as stream:
            return stream.read()


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
