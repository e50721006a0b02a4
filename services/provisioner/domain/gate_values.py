"""One function a rule of the allow-list: does this element hold only what the rule admits? Called by `gate.py`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from provisioner.domain.elements import Element, GateCode
from provisioner.domain.gate_list import NUMBER_VRS, RuleKind, TagRule

# Six digits before the point: room for every measure of an image, none for a health number or a date.
DECIMAL: Final = re.compile(r"[+-]?[0-9]{0,6}(\.[0-9]{0,10})?([eE][+-]?[0-9]{1,2})?")
INTEGER: Final = re.compile(r"[+-]?[0-9]{1,6}")
# A UID drawn at random has some 38 digits; a short one could be a health number with a prefix.
UUID_UID: Final = re.compile(r"2\.25\.[1-9][0-9]{29,38}")
DAY: Final = re.compile(r"[0-9]{8}")
TIME: Final = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9](\.[0-9]{1,6})?)?)?")
AGE: Final = re.compile(r"0[0-8][0-9][YMWD]|090Y|[0-9]{3}[MWD]")
# A day of grace: the file's clock may be ahead of ours by its time zone.
GRACE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a rule needs to know besides the element."""

    now: datetime
    dates_shifted: bool


Check = Callable[[Element, TagRule, Circumstances], GateCode | None]


def refusal_of(element: Element, rule: TagRule, around: Circumstances) -> GateCode | None:
    """The code this element earns under this rule, or None where it may pass."""
    if rule.vr and element.vr not in rule.vr:
        return GateCode.VR_MISMATCH
    if element.values is None:
        return GateCode.VALUE_UNREADABLE
    if len(element.values) > rule.vm:
        return GateCode.VALUE_COUNT
    found = CHECKS[rule.rule](element, rule, around)
    return rule.code if found and rule.code else found


def _texts(element: Element) -> tuple[str, ...]:
    return tuple(str(value) for value in element.values or ())


def _plain(element: Element, _rule: TagRule, _around: Circumstances) -> GateCode | None:
    if element.vr not in NUMBER_VRS:
        return GateCode.RULE_NEEDS_PATTERN
    form = {"DS": DECIMAL, "IS": INTEGER}.get(element.vr)
    bad = form is not None and not all(form.fullmatch(text) for text in _texts(element))
    return GateCode.NUMBER_FORM if bad else None


def _enumerated(element: Element, rule: TagRule, _around: Circumstances) -> GateCode | None:
    return None if rule.values.issuperset(_texts(element)) else GateCode.VALUE_NOT_LISTED


def _pattern(element: Element, rule: TagRule, _around: Circumstances) -> GateCode | None:
    form = re.compile(rule.pattern)
    return None if all(form.fullmatch(text) for text in _texts(element)) else GateCode.TEXT_PATTERN


def _date(element: Element, rule: TagRule, around: Circumstances) -> GateCode | None:
    texts = _texts(element)
    if not texts:
        return None
    days = [_day(text) for text in texts]
    if None in days:
        return GateCode.DATE_INVALID
    if any(day > (around.now + GRACE).date() for day in days if day):
        return GateCode.DATE_IN_FUTURE
    return None if around.dates_shifted or rule.reviewed else GateCode.DATE_NOT_SHIFTED


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        return None


def _time(element: Element, rule: TagRule, around: Circumstances) -> GateCode | None:
    texts = _texts(element)
    if not all(TIME.fullmatch(text) for text in texts):
        return GateCode.DATE_INVALID
    return None if not texts or around.dates_shifted or rule.reviewed else GateCode.DATE_NOT_SHIFTED


def _age(element: Element, _rule: TagRule, _around: Circumstances) -> GateCode | None:
    return None if all(AGE.fullmatch(text) for text in _texts(element)) else GateCode.TEXT_PATTERN


def _uid(element: Element, _rule: TagRule, _around: Circumstances) -> GateCode | None:
    return None if all(UUID_UID.fullmatch(text) for text in _texts(element)) else GateCode.UID_ROOT


def _empty(element: Element, _rule: TagRule, _around: Circumstances) -> GateCode | None:
    return GateCode.VALUE_NOT_EMPTY if element.length else None


def _nothing_here(_element: Element, _rule: TagRule, _around: Circumstances) -> GateCode | None:
    """Sequences are judged by what lies in them, pixels by their length, each in `gate.py`."""
    return None


def _unstated(element: Element, rule: TagRule, around: Circumstances) -> GateCode | None:
    """A reviewed rule without a pattern: only a VR with a narrow form of its own can pass."""
    check = BY_VR.get(element.vr)
    return check(element, rule, around) if check else GateCode.RULE_NEEDS_PATTERN


BY_VR: Final[Mapping[str, Check]] = {"DA": _date, "TM": _time, "AS": _age, **dict.fromkeys(NUMBER_VRS, _plain)}
CHECKS: Final[Mapping[RuleKind, Check]] = {
    RuleKind.PLAIN: _plain,
    RuleKind.ENUMERATED: _enumerated,
    RuleKind.PATTERN: _pattern,
    RuleKind.DATE: _date,
    RuleKind.TIME: _time,
    RuleKind.AGE: _age,
    RuleKind.UID: _uid,
    RuleKind.EMPTY: _empty,
    RuleKind.SEQUENCE: _nothing_here,
    RuleKind.PIXELS: _nothing_here,
    RuleKind.UNSTATED: _unstated,
}
