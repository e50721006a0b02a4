"""A licence on paper as data. The policy compiler turns it into what Open Policy Agent decides from."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.model.base import Resource
from tidegate.model.clock import Instant
from tidegate.model.names import Frozen, Line, Sha256, Text

DuoCode = Annotated[str, StringConstraints(pattern=r"^DUO:[0-9]{7}$")]


class Permission(StrEnum):
    """`unknown` is never yes: it denies until somebody types in what the paper says."""

    ALLOW = "allow"
    ASK = "ask"
    FORBID = "forbid"
    UNKNOWN = "unknown"


class Source(Frozen):
    """The paper: its SHA-256, and which clause stands behind which field (``{"grant.validTo": "4.2"}``)."""

    document_sha256: Sha256 | None = None
    clauses: dict[str, Line] = Field(default_factory=dict)


class Term(Frozen):
    """`valid_from` is the first instant it holds, `valid_to` the first at which it no longer does."""

    valid_from: Instant
    valid_to: Instant | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            msg = "validTo must be later than validFrom"
            raise ValueError(msg)
        return self


class Purpose(Frozen):
    """DUO codes of what the data may be used for; an empty list permits nothing."""

    permitted: tuple[DuoCode, ...] = ()
    single_project: bool = False
    approval_required: bool = True


class Parties(Frozen):
    """Who may use it. No organisations listed means any."""

    organisations: tuple[Line, ...] = ()
    named_users_only: bool = True
    commercial: Permission = Permission.UNKNOWN


class Sharing(Frozen):
    onward: Permission = Permission.UNKNOWN
    derived_data: Permission = Permission.UNKNOWN
    models: Permission = Permission.UNKNOWN


class Outputs(Frozen):
    """Duties on what leaves. `attribution` goes with every release as it stands here."""

    attribution: Text | None = None
    citations: tuple[Line, ...] = ()
    min_reviewers: Annotated[int, Field(ge=2, le=5)] = 2


class UnmodelledClause(Frozen):
    """A clause no field can hold: it denies, or a human must decide. Never dropped."""

    clause: Line
    text: Text
    effect: Literal["deny", "human"]


class LicenceTerms(Frozen):
    title: Line
    spdx: Line
    licensor: Line
    source: Source = Source()
    grant: Term
    purpose: Purpose = Purpose()
    parties: Parties = Parties()
    sharing: Sharing = Sharing()
    outputs: Outputs = Outputs()
    unmodelled: tuple[UnmodelledClause, ...] = ()


class Licence(Resource):
    """Immutable: new terms are a new Licence."""

    kind: Literal["Licence"] = "Licence"
    spec: LicenceTerms
