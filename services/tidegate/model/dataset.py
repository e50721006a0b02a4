"""A data set as an officer registers it: where it lies in XNAT, under which licence, and what its gate lets in."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from tidegate.model.base import Resource
from tidegate.model.clock import Instant
from tidegate.model.names import Frozen, Line, PersonRef, ResourceName, Sha256, Text

Uid = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)+$", max_length=64)]
Tag = Annotated[str, StringConstraints(pattern=r"^\([0-9A-F]{4},[0-9A-F]{4}\)$")]


class XnatSource(Frozen):
    server: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/@]+(/[^\s@]*)?$")]
    project: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class LicenceRef(Frozen):
    name: ResourceName
    digest: Sha256 | None = None


class GateRule(Frozen):
    """One reviewed exception to the de-identification gate, as data: what it lets in, why, who looked, when."""

    allow_sop_classes: tuple[Uid, ...] = ()
    allow_tags: tuple[Tag, ...] = ()
    reason: Text
    reviewed_by: PersonRef
    reviewed_at: Instant


class GateRules(Frozen):
    rules: tuple[GateRule, ...] = ()

    def sop_classes(self) -> frozenset[str]:
        return frozenset(uid for rule in self.rules for uid in rule.allow_sop_classes)

    def tags(self) -> frozenset[str]:
        return frozenset(tag for rule in self.rules for tag in rule.allow_tags)


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
