"""The de-identification gate: a verifier that never edits. The cohort pipeline asks it about every file pulled.

It trusts nobody's claim that a file was de-identified. Whatever is not on the allow-list, at any depth, refuses the
file; a refusal names a code and the path of the tag, never the value.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from provisioner.domain.elements import SEVERITY, Element, GateCode, Pixels, UnreadableError, Walk
from provisioner.domain.gate_list import AllowList, RuleKind
from provisioner.domain.gate_values import Circumstances, refusal_of

MOST_REFUSALS: Final = 100
SPECIAL: Final = {
    "(0042,0011)": GateCode.ENCAPSULATED,
    "(0042,0010)": GateCode.ENCAPSULATED,
    "(0042,0012)": GateCode.ENCAPSULATED,
    "(0088,0200)": GateCode.ICON,
    "(FFFC,FFFC)": GateCode.TRAILING_BYTES,
}
REPEATING: Final = {0x5000: GateCode.CURVE, 0x6000: GateCode.OVERLAY}
SOP_CLASS: Final = "(0008,0016)"
SOP_INSTANCE: Final = "(0008,0018)"
PIXEL_DATA: Final = "(7FE0,0010)"
DATES_MODIFIED: Final = "(0028,0303)"


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """`path` is empty where the file as a whole is meant."""

    code: GateCode
    path: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """No refusals means the file may pass."""

    refusals: tuple[Refusal, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.refusals


def judge(walk: Walk, allowed: AllowList, now: datetime) -> Verdict:
    """Every reason against the file, gravest first."""
    found = {
        *_file(walk, allowed),
        *_meta(walk, allowed),
        *_elements(walk, allowed, now),
        *_required(walk, allowed),
        *_pixels(walk),
    }
    if not found and not walk.readers_agree:
        found.add(Refusal(GateCode.PARSE_FAILED))
    ordered = sorted(found, key=lambda refusal: (SEVERITY[refusal.code], refusal.path))
    return Verdict(tuple(ordered[:MOST_REFUSALS]))


def unreadable(error: UnreadableError) -> Verdict:
    """The verdict on a file that could not be walked to its end."""
    return Verdict((Refusal(error.code, error.path),))


def _file(walk: Walk, allowed: AllowList) -> Iterator[Refusal]:
    if walk.transfer_syntax not in allowed.transfer_syntaxes:
        yield Refusal(GateCode.TRANSFER_SYNTAX, "(0002,0010)")
    if not walk.preamble_zero:
        yield Refusal(GateCode.PREAMBLE_NOT_ZERO)
    if walk.trailing:
        yield Refusal(GateCode.TRAILING_BYTES)


def _meta(walk: Walk, allowed: AllowList) -> Iterator[Refusal]:
    for element in walk.meta:
        rule = allowed.meta.get(element.tag)
        if rule is None:
            yield Refusal(GateCode.META_NOT_MINIMAL, element.path)
        elif refusal_of(element, rule, Circumstances(datetime.min, dates_shifted=False)):  # noqa: DTZ901 - no dates here
            yield Refusal(GateCode.META_VALUE, element.path)
    pairs = (("(0002,0002)", SOP_CLASS), ("(0002,0003)", SOP_INSTANCE))
    for meta_tag, tag in pairs:
        if first_value(walk.meta, meta_tag) != first_value(walk.elements, tag):
            yield Refusal(GateCode.SOP_UID_MISMATCH, meta_tag)


def _elements(walk: Walk, allowed: AllowList, now: datetime) -> Iterator[Refusal]:
    around = Circumstances(now, dates_shifted=first_value(walk.elements, DATES_MODIFIED) == "MODIFIED")
    closed: set[str] = set()  # sequences already refused: what lies in them needs no reason of its own
    for element in walk.elements:
        if element.parent in closed:
            closed.add(element.path)
            continue
        code = _code(element, allowed, around)
        if code is not None:
            closed.add(element.path)
            yield Refusal(code, element.path)


def _code(element: Element, allowed: AllowList, around: Circumstances) -> GateCode | None:
    if element.path == SOP_CLASS:
        known = element.values is not None and allowed.sop_classes.keys() >= set(map(str, element.values))
        return None if known and element.values else GateCode.SOP_CLASS_NOT_ALLOWED
    rule = allowed.elements.get(element.place)
    if rule is None:
        return _unlisted(element)
    if element.is_private and not element.is_creator and not _creator_listed(element, allowed):
        return GateCode.PRIVATE_CREATOR
    if (element.vr == "SQ") != (rule.rule is RuleKind.SEQUENCE):
        return GateCode.VR_MISMATCH
    return refusal_of(element, rule, around)


def _creator_listed(element: Element, allowed: AllowList) -> bool:
    """A private element means what its creator says, so the file must name one and the rules let that one in."""
    return element.creator is not None and f"({element.group:04X},00{element.number >> 8:02X})" in allowed.elements


def _unlisted(element: Element) -> GateCode:
    if element.is_private:
        return GateCode.PRIVATE_TAG
    return SPECIAL.get(element.tag) or REPEATING.get(element.group & 0xFF00) or GateCode.TAG_NOT_ALLOWED


def _required(walk: Walk, allowed: AllowList) -> Iterator[Refusal]:
    for tag in allowed.required:
        if first_value(walk.elements, tag) == "":
            yield Refusal(GateCode.REQUIRED_MISSING, tag)


def _pixels(walk: Walk) -> Iterator[Refusal]:
    if walk.pixels is None:
        yield Refusal(GateCode.REQUIRED_MISSING, PIXEL_DATA)
        return
    if not _fits(walk, walk.pixels):
        yield Refusal(GateCode.PIXEL_LENGTH, PIXEL_DATA)
    if not walk.pixels.clean:
        yield Refusal(GateCode.PIXEL_PADDING, PIXEL_DATA)


def _fits(walk: Walk, pixels: Pixels) -> bool:
    """Exactly the pixels that the header announces, so nothing can ride behind them."""
    shape = [first_value(walk.elements, tag) for tag in ("(0028,0010)", "(0028,0011)", "(0028,0002)", "(0028,0100)")]
    frames = first_value(walk.elements, "(0028,0008)") or "1"
    if not frames.isdecimal() or not all(part.isdecimal() for part in shape):
        return False
    if pixels.encapsulated:
        return pixels.fragments == int(frames) and pixels.offsets in {0, int(frames)}
    bits = math.prod(int(part) for part in shape) * int(frames)
    expected = (bits + 7) // 8
    return pixels.length == expected + expected % 2


def first_value(elements: tuple[Element, ...], tag: str) -> str:
    """The first value of a top-level element as text; empty where there is none."""
    values = next((element.values for element in elements if element.path == tag), None)
    return str(values[0]) if values else ""
