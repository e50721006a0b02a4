"""Takes one file apart, and its members in turn, and puts every leaf before every detector. Pure: bytes in."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from egress_review.checks import dicom, encoded, identifiers
from egress_review.checks.catalogue import found
from egress_review.checks.finding import Finding
from egress_review.checks.identifiers import Pack
from egress_review.checks.limits import ScanLimits
from egress_review.checks.parsers import boxes, jpeg, jsons, png, texts
from egress_review.checks.parts import Budget, Member, NotThisType, Parsed, Text

CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]+")
ENDINGS: Final = {"jpg": "jpeg"}
CHECKS: Final = ("type", "size", "unparsed", "dicom", "encoded", "cohort identifiers", "cohort files")


@dataclass
class Inspection:
    """One file on its way through. `findings` fold: the same code at the same place is told once."""

    permitted: frozenset[str]
    pack: Pack
    limits: ScanLimits
    budget: Budget
    told: dict[tuple[str, str, str], Finding] = field(default_factory=dict)

    def tell(self, *findings: Finding) -> None:
        for finding in findings:
            self.told.setdefault((finding.code, finding.location, finding.excerpt), finding)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Blocks first; cut at the limit, and then it says so."""
        order = {"block": 0, "flag": 1, "info": 2}
        ranked = sorted(self.told.values(), key=lambda f: (order[f.severity], f.code, f.location))
        if len(ranked) <= self.limits.findings:
            return tuple(ranked)
        return (*ranked[: self.limits.findings - 1], found("SCAN.MORE", "the file"))


def inspect(
    name: str, data: bytes, permitted: Collection[str], pack: Pack, limits: ScanLimits
) -> tuple[str, tuple[Finding, ...]]:
    """The type a strict parser proved (empty where none did) and everything found."""
    budget = Budget(limits.unpacked_bytes, limits.members)
    inspection = Inspection(frozenset(permitted), pack, limits, budget)
    if len(data) > limits.file_bytes:
        inspection.tell(found("SIZE.FILE", name))
    kind = _look(inspection, Member(name, name, data), 0)
    return kind, inspection.findings


def _look(inspection: Inspection, member: Member, depth: int) -> str:
    """One file or member: its bytes, its type, its leaves, and what is inside it."""
    _search_bytes(inspection, member)
    if depth > inspection.limits.depth:
        inspection.tell(found("BOX.DEPTH", member.location))
        return ""
    parsed = _parse(inspection, member)
    if parsed is None or parsed.kind not in inspection.permitted:
        inspection.tell(found("TYPE.NOT_PERMITTED", member.location))
    if parsed is None:
        _search_raw_text(inspection, member)
        return ""
    inspection.tell(*parsed.findings)
    for text in (Text(f"{member.location} (name)", member.name, whole=True), *parsed.texts):
        _search_text(inspection, text, depth)
    for text in (*parsed.texts, *parsed.columns):
        _search_torn(inspection, text)
    for blob in parsed.blobs:
        _search_bytes(inspection, blob)
    for inner in parsed.members:
        _look(inspection, inner, depth + 1)
    return parsed.kind


def _parse(inspection: Inspection, member: Member) -> Parsed | None:
    """The parser that accepts the whole file decides; the name only says which text it should be."""
    promised = _promised(member.name)
    try:
        parsed = _by_content(inspection, member, promised)
    except NotThisType:
        return None
    same_family = {parsed.kind, promised} <= texts.FAMILY
    if promised and parsed.kind != promised and not same_family:
        inspection.tell(found("TYPE.MISMATCH", member.location))
    if parsed.kind in texts.DELIMITERS and texts.count_rows(member.data) > inspection.limits.rows:
        inspection.tell(found("SIZE.ROWS", member.location))
    return parsed


def _promised(name: str) -> str:
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    return ENDINGS.get(ending, ending)


def _by_content(inspection: Inspection, member: Member, promised: str) -> Parsed:
    data, location, limits = member.data, member.location, inspection.limits
    if data.startswith(png.SIGNATURE):
        return png.parse_png(data, location, inspection.budget)
    if data.startswith(jpeg.START):
        return jpeg.parse_jpeg(data, location)
    if data.startswith((boxes.ZIP, boxes.ZIP_EMPTY)):
        return boxes.parse_zip(data, location, inspection.budget, limits)
    if data.startswith(boxes.GZ):
        return boxes.parse_gz(data, location, member.name, inspection.budget, limits)
    return _as_text(data, location, promised)


def _as_text(data: bytes, location: str, promised: str) -> Parsed:
    """JSON wherever it is JSON; a table where the name says so; plain text only under a name of plain text."""
    try:
        parsed = jsons.parse_json(data, location)
    except NotThisType:
        if promised in texts.DELIMITERS:
            return texts.parse_table(promised, data, location)
        if promised in texts.PLAIN:
            return texts.parse_plain(promised, data, location)
        raise
    if promised in texts.PLAIN and parsed.kind == "json":
        parsed.kind = promised
    return parsed


def _search_bytes(inspection: Inspection, member: Member) -> None:
    for offset in dicom.offsets(member.data):
        inspection.tell(found("DICOM.EMBEDDED", f"{member.location} > byte {offset}"))
    if inspection.pack.knows_file(member.data):
        inspection.tell(found("ID.COHORT_FILE", member.location))


def _search_raw_text(inspection: Inspection, member: Member) -> None:
    """Nobody could parse it; what can be read in it is searched all the same."""
    text = Text(member.location, CONTROLS.sub("\n", member.data.decode("utf-8", "replace")))
    inspection.tell(*identifiers.findings(text, inspection.pack))


def _search_text(inspection: Inspection, text: Text, depth: int) -> None:
    inspection.tell(*identifiers.findings(text, inspection.pack))
    for offset, payload in encoded.runs(text.text):
        place = f"{text.location} > character {offset}"
        inspection.tell(found("HIDE.ENCODED", place))
        _search_payload(inspection, Member(place, "payload", payload), depth)


def _search_torn(inspection: Inspection, text: Text) -> None:
    for payload in encoded.torn(text.text):
        _search_bytes(inspection, Member(f"{text.location} > encoded over several lines", "payload", payload))


def _search_payload(inspection: Inspection, payload: Member, depth: int) -> None:
    """Decoded bytes, and what is packed in them."""
    _search_bytes(inspection, payload)
    for member in _unpacked(inspection, payload):
        if depth < inspection.limits.depth:
            _search_payload(inspection, member, depth + 1)


def _unpacked(inspection: Inspection, payload: Member) -> Iterator[Member]:
    budget, limits = inspection.budget, inspection.limits
    if payload.data.startswith(boxes.ZIP):
        try:
            yield from boxes.parse_zip(payload.data, payload.location, budget, limits).members
        except NotThisType:
            return
    content = encoded.inflated(payload.data, min(limits.unpacked_bytes, limits.ratio * max(len(payload.data), 1024)))
    if content and budget.take(len(content)):
        yield Member(payload.location, "payload", content)
