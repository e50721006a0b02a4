"""A data set as an officer registers it: where it lies in XNAT, under which licence, and what its gate lets in."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from tidegate.model.base import Resource
from tidegate.model.clock import Instant
from tidegate.model.names import Frozen, Line, PersonRef, ResourceName, Sha256, Text

Uid = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)+$", max_length=64)]
Tag = Annotated[str, StringConstraints(pattern=r"^\([0-9A-F]{4},[0-9A-F]{4}\)$")]


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error:
        msg = "is not a regular expression"
        raise ValueError(msg) from None
    return pattern


ValuePattern = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_compiles)]


class XnatSource(Frozen):
    server: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/@]+(/[^\s@]*)?$")]
    project: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class LicenceRef(Frozen):
    name: ResourceName
    digest: Sha256 | None = None


class GateRule(Frozen):
    """One reviewed exception to the de-identification gate, as data: what it lets in, why, who looked, when.

    `allow_tags` lets elements of the top level in. Text, codes, UIDs and private elements also need their form in
    `allow_values`: a regular expression the whole value must match. Numbers, dates and times have one of their own.
    """

    allow_sop_classes: tuple[Uid, ...] = ()
    allow_tags: tuple[Tag, ...] = ()
    allow_values: dict[Tag, ValuePattern] = Field(default_factory=dict)
    reason: Text
    reviewed_by: PersonRef
    reviewed_at: Instant

    @model_validator(mode="after")
    def _values_of_allowed_tags(self) -> Self:
        if stray := sorted(set(self.allow_values) - set(self.allow_tags)):
            msg = f"allowValues names {', '.join(stray)}, which allowTags does not list"
            raise ValueError(msg)
        return self


class GateRules(Frozen):
    rules: tuple[GateRule, ...] = ()

    def sop_classes(self) -> frozenset[str]:
        return frozenset(uid for rule in self.rules for uid in rule.allow_sop_classes)

    def tags(self) -> frozenset[str]:
        return frozenset(tag for rule in self.rules for tag in rule.allow_tags)

    def values(self) -> dict[str, str]:
        return {tag: pattern for rule in self.rules for tag, pattern in rule.allow_values.items()}


class DatasetSpec(Frozen):
    title: Line
    description: Text | None = None
    custodian: Line
    tier: Annotated[int, Field(ge=0, le=4)]
    xnat: XnatSource
    licence: LicenceRef
    gate: GateRules = GateRules()


class Dataset(Resource):
    kind: Literal["Dataset"] = "Dataset"
    spec: DatasetSpec
