"""Takes pulled files through the de-identification gate, one verdict a file, remembered in a journal.

Called by the cohort pipeline between pull and seal. The journal is keyed by the file's SHA-256 and the digest of the
list it was judged by: a restart repeats no verdict, and a changed list or rule repeats them all.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from pydantic import ValidationError

from provisioner.domain.elements import GateCode, UnreadableError
from provisioner.domain.gate import Verdict, judge, unreadable
from provisioner.domain.gate_list import AllowList
from provisioner.domain.manifest import ImageFacts, facts_of
from provisioner.domain.transfer import PulledFile
from provisioner.ports import ImageReader
from tidegate.model import TidegateError, digest_of
from tidegate.model.names import Frozen


class Judged(Frozen):
    """A journal line. `facts` are there only for a file that passed."""

    sha256: str
    by: str
    refusals: tuple[tuple[GateCode, str], ...] = ()
    facts: ImageFacts | None = None


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    reader: ImageReader
    allowed: AllowList
    journal: Path

    def judge_all(
        self, files: Iterable[PulledFile], now: datetime, each: Callable[[int], None]
    ) -> Iterator[tuple[PulledFile, Judged]]:
        """A verdict for each file in order; `each` hears how many are done."""
        by = digest_of(self.allowed.model_dump(mode="json"))
        known = {line.sha256: line for line in self._read() if line.by == by}
        with _appending(self.journal) as journal:
            for done, file in enumerate(files, start=1):
                verdict = known.get(file.sha256)
                if verdict is None:
                    verdict = known[file.sha256] = self._judge(file, by, now)
                    journal.write(verdict.model_dump_json() + "\n")
                yield file, verdict
                each(done)

    def _judge(self, file: PulledFile, by: str, now: datetime) -> Judged:
        try:
            walk = self.reader.walk(file.blob_path)
        except UnreadableError as error:
            return _judged(file, by, unreadable(error), None)
        except FileNotFoundError:
            raise TidegateError(
                "VAULT_DAMAGED",
                f"A file that was pulled is gone from the vault ({file.line.label}).",
                "The next attempt pulls it again; if this comes back, have the disk checked.",
            ) from None
        verdict = judge(walk, self.allowed, now)
        return _judged(file, by, verdict, facts_of(walk) if verdict.passed else None)

    def _read(self) -> Iterator[Judged]:
        """Whole lines only: a crash may have cut the last one."""
        if not self.journal.exists():
            return
        for line in self.journal.read_text(encoding="utf-8").splitlines():
            try:
                yield Judged.model_validate(json.loads(line))
            except (ValueError, ValidationError):
                continue


def _judged(file: PulledFile, by: str, verdict: Verdict, facts: ImageFacts | None) -> Judged:
    pairs = tuple((refusal.code, refusal.path) for refusal in verdict.refusals)
    return Judged(sha256=file.sha256, by=by, refusals=pairs, facts=facts)


@contextmanager
def _appending(journal: Path) -> Iterator[TextIO]:
    """A line each, handed to the system at once; a torn last line of a crash is closed off first."""
    torn = journal.exists() and not journal.read_bytes().endswith(b"\n") and journal.stat().st_size > 0
    with journal.open("a", encoding="utf-8", buffering=1) as file:
        if torn:
            file.write("\n")
        yield file
