"""What a scan said, read as words of a stranger: whoever parses hostile files may be in their hands.

Called by `runner` and by the dispatcher of the spool. Only places and counts are taken from an answer. Severity and
wording come from the catalogue, so an answer can neither soften a finding nor speak to a person in words of its own.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from egress_review.checks.catalogue import CODES, found
from egress_review.checks.finding import EXCERPT, Finding
from egress_review.checks.inspection import CHECKS

MOST_ANSWER: Final = 1024 * 1024
FAILED: Final = {"timeout": "SCAN.TIMEOUT", "memory": "SCAN.MEMORY"}
CRASHED: Final = "SCAN.CRASHED"
KIND: Final = r"[a-z0-9]{0,8}"


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


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    code: str
    location: str
    excerpt: str = Field(max_length=EXCERPT)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: str = Field(pattern=f"^{KIND}$")
    sha256: str
    checks: list[str]
    findings: list[_Told]


def failed(reason: str, name: str, sha256: str) -> ScanResult:
    """A scan that gave no answer is a block: the file counts as not read."""
    return ScanResult("", sha256, (), (found(FAILED.get(reason, CRASHED), spelled(name)),))


def read_answer(told: bytes, name: str, sha256: str, permitted: Collection[str]) -> ScanResult:
    """The answer of a scan of these bytes, or the block that stands for an answer that cannot be."""
    try:
        answer = _Answer.model_validate(_json(told))
        findings = tuple(_finding(one) for one in answer.findings)
    except (ValueError, ValidationError, KeyError, RecursionError):
        return failed(CRASHED, name, sha256)
    result = ScanResult(answer.kind, answer.sha256, tuple(answer.checks), findings)
    consistent = result.sha256 == sha256 and result.checks == CHECKS
    return result if consistent and (result.blocked or result.kind in permitted) else failed(CRASHED, name, sha256)


def spelled(text: str) -> str:
    """Names inside a hostile file may hold anything; a database takes no NUL, and a page should show all of it."""
    return "".join(char if char.isprintable() else f"[U+{ord(char):04X}]" for char in text)


def _json(told: bytes) -> Any:  # noqa: ANN401 - judged by the model
    if len(told) > MOST_ANSWER:
        raise ValueError
    return json.loads(told)


def _finding(told: _Told) -> Finding:
    row = CODES[told.code]
    if set(told.excerpt[1:-1]) - {"*"}:
        raise ValueError
    place, excerpt = spelled(told.location), spelled(told.excerpt)
    return Finding(told.code, row.kind, row.severity, place, excerpt, row.researcher, row.checker)
