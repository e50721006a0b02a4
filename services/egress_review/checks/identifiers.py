"""Looks up every token of a text in the cohort pack, which holds salted hashes and never an identifier."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from egress_review.checks.catalogue import found
from egress_review.checks.decode import normalised
from egress_review.checks.finding import Finding
from egress_review.checks.parts import Text

# Shorter tokens are in every table; a pack's identifiers are longer.
SHORTEST: Final = 4
LONGEST: Final = 256
WORD: Final = re.compile(r"[^\s,;:\"'`()\[\]{}<>|=&*#!?]+")
PATH_STEP: Final = re.compile(r"[/\\]+")
JOINT: Final = re.compile(r"([_\-+~@.])")
# A UID has at most 31 joints: 64 characters, at least one between two dots.
MOST_JOINTS: Final = 31
# A number with a fraction is a measurement; one written with .0 may be an identifier that met a float column.
WHOLE_FLOAT: Final = re.compile(r"(\d+)\.0+")
FRACTION: Final = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?")


@dataclass
class Pack:
    """The cohort as hashes. `seen` remembers each token's answer: tables repeat themselves."""

    salt: str
    ids: frozenset[str]
    files: frozenset[str]
    seen: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def read(cls, data: bytes) -> "Pack":
        """A pack from its JSON; one that lacks a part is an error, and a scan that fails is a block."""
        raw = json.loads(data)
        return cls(str(raw["salt"]), frozenset(raw["ids"]), frozenset(raw["file_sha256"]))

    def knows(self, token: str) -> bool:
        if not SHORTEST <= len(token) <= LONGEST:
            return False
        known = self.seen.get(token)
        if known is None:
            salted = (self.salt + token).encode(errors="surrogatepass")
            known = self.seen[token] = hashlib.sha256(salted).hexdigest() in self.ids
        return known

    def knows_file(self, data: bytes) -> bool:
        return hashlib.sha256(data).hexdigest() in self.files


def findings(text: Text, pack: Pack) -> Iterator[Finding]:
    """One finding a line and identifier, at the line where a text has several."""
    lines = normalised_lines(text)
    for number, line in lines:
        place = f"{text.location} > line {number}" if len(lines) > 1 else text.location
        for token in sorted({token for token in tokens(line, whole=text.whole) if pack.knows(token)}):
            yield found("ID.COHORT", place, token)


def normalised_lines(text: Text) -> list[tuple[int, str]]:
    return [(number, normalised(line)) for number, line in enumerate(text.text.splitlines() or [""], 1)]


def tokens(line: str, *, whole: bool) -> Iterator[str]:
    """Every form in which an identifier may stand in a line that is already normalised."""
    if whole or len(line) <= LONGEST:
        yield line
    for match in WORD.finditer(line):
        yield from forms(match[0])


def forms(word: str) -> Iterator[str]:
    """The word, its path steps, and every unbroken sequence of up to `MOST_JOINTS` joints of its parts."""
    if FRACTION.fullmatch(word):
        number = WHOLE_FLOAT.fullmatch(word)
        if number:
            yield number[1]
        return
    yield word
    for step in PATH_STEP.split(word):
        yield step
        yield from _sequences(step)


def _sequences(step: str) -> Iterator[str]:
    parts = JOINT.split(step)
    if len(parts) == 1:
        return
    for start in range(0, len(parts), 2):
        for end in range(start + 1, min(start + 2 * MOST_JOINTS + 2, len(parts) + 1), 2):
            yield "".join(parts[start:end])
