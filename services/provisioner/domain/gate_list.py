"""The gate's allow-list as reviewed data: `data/allow_list.json`, widened for one data set by its reviewed rules."""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final, Self

from pydantic import Field, model_validator

from provisioner.domain.elements import GateCode
from tidegate.model import GateRules
from tidegate.model.names import Frozen

TEXT_VRS: Final = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UI", "UN", "UR", "UT"})
NUMBER_VRS: Final = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
MOST_VALUES_BY_RULE: Final = 4


class RuleKind(StrEnum):
    PLAIN = "plain"
    ENUMERATED = "enumerated"
    PATTERN = "pattern"
    DATE = "date"
    TIME = "time"
    AGE = "age"
    UID = "uid"
    EMPTY = "empty"
    SEQUENCE = "sequence"
    PIXELS = "pixels"
    UNSTATED = "unstated"


class TagRule(Frozen):
    """What one element may hold. `vm` is the most values; `code` is what its refusal is called where not the usual."""

    name: str
    vr: tuple[str, ...]
    rule: RuleKind
    vm: int = 1
    values: frozenset[str] = frozenset()
    pattern: str = ""
    code: GateCode | None = None
    reviewed: bool = False

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.rule is RuleKind.ENUMERATED) != bool(self.values) or (self.rule is RuleKind.PATTERN) != bool(
            self.pattern
        ):
            msg = f"{self.name}: enumerated needs values, pattern needs a pattern, and no other rule has either"
            raise ValueError(msg)
        re.compile(self.pattern)
        return self


class AllowList(Frozen):
    """Keyed by place: ``(0054,0220)/(0008,0100)``. What is not here is refused."""

    sop_classes: dict[str, str]
    transfer_syntaxes: dict[str, str]
    required: tuple[str, ...]
    meta: dict[str, TagRule]
    elements: dict[str, TagRule] = Field(min_length=1)

    def widened(self, rules: GateRules) -> "AllowList":
        """With what a data set's reviewed rules let in besides, at the top level only."""
        patterns = rules.values()
        extra = {tag: _reviewed(tag, patterns, self.elements.get(tag)) for tag in rules.tags()}
        classes = dict.fromkeys(rules.sop_classes(), "let in by a reviewed rule")
        return self.model_copy(
            update={"elements": {**self.elements, **extra}, "sop_classes": {**self.sop_classes, **classes}}
        )


def _reviewed(tag: str, patterns: Mapping[str, str], base: TagRule | None) -> TagRule:
    """The form comes from the rule's pattern; else from the list; else from the element's own VR, when it is judged."""
    if tag in patterns:
        vrs, most = (base.vr, base.vm) if base else ((), MOST_VALUES_BY_RULE)
        return TagRule(name=tag, vr=vrs, rule=RuleKind.PATTERN, pattern=patterns[tag], vm=most, reviewed=True)
    if base is not None:
        return base.model_copy(update={"reviewed": True})
    return TagRule(name=tag, vr=(), rule=RuleKind.UNSTATED, vm=MOST_VALUES_BY_RULE, reviewed=True)


@cache
def base_list() -> AllowList:
    """The list that ships with this release."""
    table = files("provisioner.domain").joinpath("data/allow_list.json").read_text(encoding="utf-8")
    return AllowList.model_validate(json.loads(table))
