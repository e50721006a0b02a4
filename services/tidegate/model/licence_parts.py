"""The sections of a licence's terms. Every permission not typed in is `unknown`, which denies; ends are dates.

Read by `tidegate.model.licence`, which puts them together and refuses what contradicts itself.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.model.clock import Instant
from tidegate.model.later import Growing, later
from tidegate.model.names import Frozen, Line, Sha256, Text

DuoCode = Annotated[str, StringConstraints(pattern=r"^DUO:[0-9]{7}$")]
MondoCode = Annotated[str, StringConstraints(pattern=r"^MONDO:[0-9]{7}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
FileKind = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,16}$")]
Days = Annotated[int, Field(ge=0, le=3660)]
Hours = Annotated[int, Field(ge=0, le=8784)]

NAMED_DISEASE = "DUO:0000007"


class Permission(StrEnum):
    """`unknown` is never yes: it denies until somebody types in what the paper says."""

    ALLOW = "allow"
    ASK = "ask"
    FORBID = "forbid"
    UNKNOWN = "unknown"


class Ownership(StrEnum):
    """Whose what is found is; `unknown` is told to the researchers as such."""

    RESEARCHERS = "researchers"
    LICENSOR = "licensor"
    JOINT = "joint"
    UNKNOWN = "unknown"


def contradiction(message: str) -> ValueError:
    """What a section raises when two of its fields cannot both hold; names both."""
    return ValueError(message)


class Source(Frozen):
    """The paper: its SHA-256, and which clause stands behind which field (``{"grant.validTo": "4.2"}``)."""

    document_sha256: Sha256 | None = None
    clauses: dict[str, Line] = Field(default_factory=dict)


class Contacts(Frozen):
    """Whom to ask at the licensor's, and whom to tell at once when something went wrong."""

    governance: tuple[Line, ...] = ()
    incident: Line | None = None


class Term(Growing):
    """`valid_from` is the first instant it holds, `valid_to` the first at which it no longer does.

    `renewal` is the day by which to ask for more time.
    """

    valid_from: Instant
    valid_to: Instant | None = None
    exclusive: bool = later(default=False)
    renewal: Instant | None = later(None)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise contradiction("validTo must be later than validFrom")
        if self.renewal is not None and (self.valid_to is None or not self.valid_from < self.renewal <= self.valid_to):
            raise contradiction("renewal must lie after validFrom and not after validTo, which it needs")
        return self


class Purpose(Growing):
    """DUO codes of what the data may be used for; an empty list permits nothing.

    `diseases` are MONDO codes: with DUO:0000007 among the permitted ones, research on these and what lies under them.
    """

    permitted: tuple[DuoCode, ...] = ()
    single_project: bool = False
    approval_required: bool = True
    diseases: tuple[MondoCode, ...] = later(())
    prohibited: tuple[DuoCode, ...] = later(())
    approval_ref_required: bool = later(default=False)
    ethics_required: bool = later(default=False)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.diseases and NAMED_DISEASE not in self.permitted:
            raise contradiction(f"diseases needs {NAMED_DISEASE} among permitted, which is research on a named disease")
        if both := sorted(set(self.permitted) & set(self.prohibited)):
            raise contradiction(f"{', '.join(both)} stands in permitted and in prohibited")
        return self


class Parties(Growing):
    """Who may use it. No organisations listed means any; kinds of organisation are for a human to see."""

    organisations: tuple[Line, ...] = ()
    named_users_only: bool = True
    commercial: Permission = Permission.UNKNOWN
    organisation_types: tuple[Line, ...] = later(())


class Territory(Frozen):
    """ISO 3166 codes of where it may be processed, and from where people may look at it; none listed means anywhere."""

    processing: tuple[Country, ...] = ()
    remote_access: tuple[Country, ...] = ()


class Data(Frozen):
    """What the data are and what may be done with people in them.

    `linkage` rules whether a project may hold other data sets beside these; `reidentification` whether anybody may try.
    """

    types: tuple[Line, ...] = ()
    deidentification: Line | None = None
    reidentification: Permission = Permission.UNKNOWN
    linkage: Permission = Permission.UNKNOWN


class Sharing(Growing):
    """What may be passed on. Adapted material is images, annotations and models; counts and text are not."""

    onward: Permission = Permission.UNKNOWN
    derived_data: Permission = Permission.UNKNOWN
    models: Permission = Permission.UNKNOWN
    third_party: Permission = later(Permission.UNKNOWN)
    share_alike: bool = later(default=False)
    no_derivatives: bool = later(default=False)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.share_alike and self.no_derivatives:
            raise contradiction("shareAlike sets terms for adapted material, and noDerivatives permits none")
        if self.no_derivatives and self.models is Permission.ALLOW:
            raise contradiction("models is allow, and noDerivatives permits no adapted material, which models are")
        if self.share_alike and self.derived_data is Permission.FORBID:
            raise contradiction("shareAlike sets terms for what is shared, and derivedData forbids sharing it")
        if self.third_party is Permission.ALLOW and self.onward is Permission.FORBID:
            raise contradiction("thirdParty is allow, and onward forbids passing anything on")
        return self


class PublicationReview(Frozen):
    """The licensor is told before something is published, `notice_days` ahead where the paper gives a number."""

    required: bool = False
    notice_days: Days | None = None

    @model_validator(mode="after")
    def _notice_of_something(self) -> Self:
        if self.notice_days is not None and not self.required:
            raise contradiction("noticeDays is given, and required says that no notice is owed")
        return self


class Outputs(Growing):
    """Duties on what leaves. `attribution` goes with every release as it stands here; no kinds listed means any."""

    attribution: Text | None = None
    citations: tuple[Line, ...] = ()
    min_reviewers: Annotated[int, Field(ge=2, le=5)] = 2
    acknowledgement: Text | None = later(None)
    publication_review: PublicationReview = later(PublicationReview())
    disclosure_profile: Line | None = later(None)
    permitted_kinds: tuple[FileKind, ...] = later(())


class IntellectualProperty(Frozen):
    ownership: Ownership = Ownership.UNKNOWN
    notify_invention_days: Days | None = None
    return_results: bool = False


class End(Frozen):
    """What happens to the data once the term is over."""

    destroy_within_days: Days | None = None
    certificate_required: bool = False
    archive_allowed: Permission = Permission.UNKNOWN

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.certificate_required and self.destroy_within_days is None:
            raise contradiction("certificateRequired asks to prove a deletion, and destroyWithinDays asks for none")
        if self.destroy_within_days is not None and self.archive_allowed is Permission.ALLOW:
            raise contradiction("archiveAllowed is allow, and destroyWithinDays asks to delete everything")
        return self


class Incident(Frozen):
    """What is owed when data are lost or somebody is recognised. Zero hours are at once."""

    notify_hours: Hours | None = None
    accidental_identification: Text | None = None
    recover_data: bool = False


class UnmodelledClause(Frozen):
    """A clause no field can hold: it denies, or a human must decide. Never dropped."""

    clause: Line
    text: Text
    effect: Literal["deny", "human"]
