"""The question in its closed form: one schema a point, every field required, nothing else let through.

Built by `questions` from the store; checked again by the wrapper before any engine sees it, so that a field that is
missing, null, of another type or unknown is refused here and never reaches a rule.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

from tidegate.model import Role, Stage, Verdict, canonical_json
from tidegate.model.licence import DuoCode, MondoCode
from tidegate.model.names import Line, ProjectId, ResourceName, Sha256
from tidegate.policy.compiler import FIRST, LAST

API: Final = "tidegate.dev/policy/v1"
MOMENT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"


def _a_real_moment(text: str) -> str:
    instant = datetime.fromisoformat(text)
    if not FIRST <= instant <= LAST:
        msg = "the year must lie between 1700 and 2262"
        raise ValueError(msg)
    return text


Moment = Annotated[str, StringConstraints(pattern=MOMENT), AfterValidator(_a_real_moment)]
Network = Literal["none", "loopback"]


class Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Person(Closed):
    issuer: Line
    subject: ResourceName


class ApprovalFacts(Closed):
    verdict: Verdict
    by: Person
    digest: Sha256
    at: Moment
    until: Moment | None


class GrantFacts(Closed):
    name: ResourceName
    person: Person
    project: ProjectId | None
    role: Role
    since: Moment
    until: Moment
    training_until: Moment | None


class ProjectFacts(Closed):
    name: ProjectId
    digest: Sha256
    requester: Person
    lead: Person
    organisation: Line
    codes: Annotated[tuple[DuoCode, ...], Field(min_length=1)]
    diseases: tuple[MondoCode, ...]
    commercial: bool
    ethics_approved: bool
    tier: int
    network: Network
    destinations: tuple[ResourceName, ...]
    permitted_types: tuple[Line, ...]
    reviewers: Annotated[int, Field(ge=2)]
    ends: Moment
    stage: Stage
    approvals: tuple[ApprovalFacts, ...]


class DatasetFacts(Closed):
    """`registered` is false, and all but the name empty, where the project names a data set nobody registered."""

    name: ResourceName
    registered: bool
    digest: Sha256 | None
    pinned_digest: Sha256 | None
    tier: int | None
    licence: ResourceName | None
    licence_digest: Sha256 | None
    other_projects: tuple[ProjectId, ...]


class ApproveSubject(Closed):
    """`actor` is the officer who wants to approve now, with their grants; nobody when the controller looks."""

    actor: Person | None
    grants: tuple[GrantFacts, ...]


class StartSubject(Closed):
    person: Person
    grants: tuple[GrantFacts, ...]
    network: Network


class ReleasedFile(Closed):
    """`kind` is what a strict parser found it to be, for example ``csv``."""

    kind: Line
    sha256: Sha256


class ReleaseFacts(Closed):
    """What egress review knows. `voters` approved every file, at its present digest, in this turn."""

    request: Line
    person: Person
    destination: Line
    voters: tuple[Person, ...]
    files: tuple[ReleasedFile, ...]


class ReleaseSubject(ReleaseFacts):
    """`members` is everyone who is or ever was of the project, requester and lead included."""

    grants: tuple[GrantFacts, ...]
    members: tuple[Person, ...]


class _Question(Closed):
    api: Literal["tidegate.dev/policy/v1"]
    now: Moment
    project: ProjectFacts
    datasets: Annotated[tuple[DatasetFacts, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        if len({dataset.name for dataset in self.datasets}) != len(self.datasets):
            msg = "a data set is named twice"
            raise ValueError(msg)
        return self


class ApproveQuestion(_Question):
    point: Literal["project.approve"]
    subject: ApproveSubject


class StartQuestion(_Question):
    point: Literal["workspace.start"]
    subject: StartSubject


class ReleaseQuestion(_Question):
    point: Literal["egress.release"]
    subject: ReleaseSubject


Envelope = ApproveQuestion | StartQuestion | ReleaseQuestion
_READER: Final[TypeAdapter[Envelope]] = TypeAdapter(Annotated[Envelope, Field(discriminator="point")])


def read_envelope(given: Envelope | Mapping[str, Any]) -> Envelope:
    """The question as its schema has it, whatever came in.

    Raises:
        ValueError: it does not fit (pydantic's `ValidationError` is one).
        TypeError: it is not even JSON.
    """
    plain = given.model_dump(mode="json") if isinstance(given, BaseModel) else dict(given)
    return _READER.validate_json(canonical_json(plain), strict=True)
