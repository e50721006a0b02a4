"""What the hub's classes share: settings, store, policy, workspaces. Made once by the hub's configuration."""

from datetime import datetime
from typing import TYPE_CHECKING

from tidegate.identity import Attempts, check_password
from tidegate.ledger import Actor, Event, Record
from tidegate.model import Decision, PersonRef, TidegateError
from tidegate.policy import Point, open_policy, workspace_start
from tidegate.store import SqliteStore
from workspace.hub.admission import Admission, check_start
from workspace.hub.workspaces import Start, Workspaces

if TYPE_CHECKING:
    from workspace.hub.settings import HubSettings

CHAIN = "workspace"
Detail = dict[str, str | int | bool | list[str] | None]


class Site:
    """The use cases of the hub, each with its ledger record."""

    def __init__(self, settings: "HubSettings") -> None:
        self.settings = settings
        self.store = SqliteStore(settings.database, CHAIN)
        self.workspaces = Workspaces(settings, self.store)
        self._policy = open_policy(self.store)
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
            return check_start(self.store, self._decide, project, person, now)
        except TidegateError as error:
            self._append(Event.WORKSPACE_REFUSED, project or "none", name, {"code": error.code}, now)
            raise

    def start(self, request: Start, now: datetime) -> int:
        """Start an admitted workspace; the port its session server listens on."""
        project, name = request.admission.project.name, request.admission.person.subject
        try:
            server = self.workspaces.start(request)
        except TidegateError as error:
            self._append(Event.WORKSPACE_REFUSED, project, name, {"code": error.code}, now)
            raise
        self._append(Event.WORKSPACE_STARTED, project, name, _grounds(request.admission), now)
        return server.port

    def stop(self, project: str, name: str, why: str, now: datetime) -> None:
        """Stop a workspace; recorded once, whoever asks."""
        if self.workspaces.stop(project, name):
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
