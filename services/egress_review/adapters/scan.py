"""`ports.Scanner`: has one file of the quarantine judged in a sandbox and puts its sanitised copy beside it.

Fails closed: whatever goes wrong is a problem the worker tries again, never an answer.
"""

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from egress_review.adapters.pictures import redraw
from egress_review.domain.request import Finding, OutputFile, Severity
from egress_review.ports import ScanOutcome
from tidegate.model import Project, digest_of
from tidegate.objects import ObjectStore

PICTURES: Final = frozenset({"png", "jpeg"})
REDRAW: Final = "redraw/1"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judged:
    """What the checks say of one file."""

    kind: str
    findings: tuple[Finding, ...]
    checks: tuple[str, ...]


Judge = Callable[[bytes, str, Project, Path], Judged]


@dataclass(frozen=True)
class SandboxScanner:
    """`judge` runs the checks; `version` names them, as part of the criteria votes bind to."""

    quarantine: ObjectStore
    packs: Path
    judge: Judge
    version: str

    def criteria(self, project: Project) -> str:
        profile = project.spec.policy.model_dump(mode="json")
        return digest_of({"profile": profile, "checks": self.version, "copy": REDRAW})

    def scan(self, file: OutputFile, project: Project) -> ScanOutcome:
        try:
            return self._scan(file, project)
        except Exception as error:
            log.exception("a file could not be scanned")
            return ScanOutcome(None, f"The scan gave no answer ({type(error).__name__}).")

    def _scan(self, file: OutputFile, project: Project) -> ScanOutcome:
        if not self.quarantine.verify(file.sha256):
            return ScanOutcome(None, "The stored file is not the one that arrived.")
        with self.quarantine.open(file.sha256) as stream:
            content = stream.read()
        judged = self.judge(content, file.name, project, self.packs / f"{project.name}.json")
        clean = replace(file, sanitised="", sanitised_size=0, picture="")
        scanned = replace(clean, kind=judged.kind, findings=judged.findings, checks=judged.checks)
        return ScanOutcome(scanned if scanned.blocks else self._with_copy(scanned, content))

    def _with_copy(self, file: OutputFile, content: bytes) -> OutputFile:
        """What leaves: the pixels of a picture drawn anew; the very bytes of a text or table that was read whole."""
        if file.kind not in PICTURES:
            return replace(file, sanitised=file.sha256, sanitised_size=file.size)
        drawn = redraw(content)
        if drawn is None:
            return replace(file, findings=(*file.findings, UNDRAWABLE))
        copy, picture = self._keep(drawn.copy), self._keep(drawn.picture)
        return replace(file, sanitised=copy, sanitised_size=len(drawn.copy), picture=picture)

    def _keep(self, content: bytes) -> str:
        return self.quarantine.put(io.BytesIO(content)).sha256


UNDRAWABLE: Final = Finding(
    code="TYPE.PICTURE_UNREADABLE",
    kind="check_failed",
    severity=Severity.BLOCK,
    detail="The picture could not be drawn anew, so nobody could look at what would leave.",
    remedy="Save it again as a plain 8-bit PNG or JPEG of at most 50 million pixels.",
    detector=REDRAW,
    fingerprint=REDRAW,
)
