"""What the hub's classes share: settings, store, policy, and whether the images are in place. Made once by the wiring.

The same in both modes; `machine` and `kubernetes.cluster` add how a workspace is started there.
"""

from datetime import datetime
from typing import Protocol

from tidegate.identity import Attempts, check_password
from tidegate.ledger import Actor, Event, Record
from tidegate.model import AnyResource, Decision, Kind, PersonRef, ProjectStatus, TidegateError
from tidegate.policy import Point, Policy, workspace_start
from tidegate.store import Account
from workspace.hub.admission import Admission, InPlace, check_start
from workspace.hub.public import PublicSettings

CHAIN = "workspace"
Detail = dict[str, str | int | bool | list[str] | None]


class HubStore(Protocol):
    """What the hub reads and writes: resources to read, its own chain of the ledger, the local accounts."""

    def get(self, kind: Kind, name: str) -> AnyResource | None: ...

    def list(self, kind: Kind) -> tuple[AnyResource, ...]: ...

    def generation(self) -> int: ...

    def project_status(self, name: str) -> ProjectStatus: ...

    def append(self, record: Record, now: datetime) -> None: ...

    def account(self, subject: str) -> Account | None: ...

    def put_account(self, account: Account, record: Record, now: datetime) -> None: ...


class Site:
    """The use cases of the hub, each with its ledger record."""

    def __init__(self, settings: PublicSettings, store: HubStore, policy: Policy, in_place: InPlace) -> None:
        self.settings = settings
        self.store = store
        self._policy = policy
        self._in_place = in_place
        self._attempts = Attempts()

    def log_in(self, name: str, password: str, now: datetime) -> PersonRef:
        return check_password(self.store, self._attempts, name, password, now)

    def may_stay(self, name: str) -> bool:
        """Whether a person logged in earlier still has an open account."""
        account = self.store.account(name)
        return account is not None and not account.disabled

    def admit(self, project: str, name: str, now: datetime) -> Admission:
        """The admission; a refusal is recorded before it is raised."""
        person = PersonRef(subject=name)
        try:
            return check_start(self.store, self._decide, project, person, now, self._in_place)
        except TidegateError as error:
            self.refused(project, name, error, now)
            raise

    def started(self, admission: Admission, now: datetime) -> None:
        project, name = admission.project.name, admission.person.subject
        self._append(Event.WORKSPACE_STARTED, project, name, _grounds(admission), now)

    def refused(self, project: str, name: str, error: TidegateError, now: datetime) -> None:
        self._append(Event.WORKSPACE_REFUSED, project or "none", name, {"code": error.code}, now)

    def stopped(self, project: str, name: str, why: str, now: datetime) -> None:
        self._append(Event.WORKSPACE_STOPPED, project, name, {"why": why}, now, Actor.service("hub"))

    def _decide(self, project: str, person: PersonRef, now: datetime) -> Decision:
        envelope = workspace_start(self.store, project, person, now)
        return self._policy.decide(Point.WORKSPACE_START, envelope, now)

    def _append(
        self, event: Event, project: str, name: str, detail: Detail, now: datetime, actor: Actor | None = None
    ) -> None:
        """By the person, unless another actor is named."""
        who = actor or Actor.person(PersonRef(subject=name))
        self.store.append(Record(event=event, actor=who, subject=f"server/{name}/{project}", detail=detail), now)


def _grounds(admission: Admission) -> Detail:
    return {
        "until": admission.until.isoformat(),
        "decision": admission.decision.input_digest,
        "policy": admission.decision.policy_version,
        "cohort": admission.cohort.manifest_sha256,
    }
