"""What the start page says to one person: their projects, what ends when, whom to ask, and the doors they may open.

Called by the hub's home page through a template variable. Reads the store anew each time; decides nothing: each door
asks again when it is opened.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidegate.model import (
    Condition,
    Dataset,
    Grant,
    Kind,
    PersonRef,
    Project,
    ProjectPhase,
    ProjectStatus,
    Role,
    Step,
    StepState,
)
from workspace.hub.public import PublicSettings
from workspace.hub.site import HubStore

PHASES: Final[dict[ProjectPhase, str]] = {
    ProjectPhase.INCOMPLETE: "Something is missing from the application",
    ProjectPhase.PENDING_APPROVAL: "Waiting for a governance officer's approval",
    ProjectPhase.PENDING_CREATION: "Approved; being set up",
    ProjectPhase.DEPLOYED: "Ready",
    ProjectPhase.SUSPENDED: "Paused: no workspace can be opened",
    ProjectPhase.PENDING_DELETION: "Closing",
    ProjectPhase.DELETED: "Closed",
}
TONES: Final[dict[ProjectPhase, str]] = {
    ProjectPhase.DEPLOYED: "good",
    ProjectPhase.SUSPENDED: "bad",
    ProjectPhase.INCOMPLETE: "warn",
    ProjectPhase.PENDING_APPROVAL: "warn",
    ProjectPhase.PENDING_CREATION: "warn",
}
STEP_WORDS: Final[dict[StepState, str]] = {
    StepState.WAITING: "waiting",
    StepState.RUNNING: "in progress",
    StepState.DONE: "done",
    StepState.FAILED: "failed",
}


@dataclass(frozen=True)
class Ending:
    what: str
    when: datetime
    why: str


@dataclass(frozen=True)
class Contact:
    role: str
    name: str


@dataclass(frozen=True)
class ProjectCard:
    """One project as one of its people sees it. `open_url` is empty where no workspace may be opened."""

    name: str
    title: str
    phase: str
    tone: str
    problems: tuple[str, ...]
    steps: tuple[str, ...]
    endings: tuple[Ending, ...]
    contacts: tuple[Contact, ...]
    open_url: str
    releases_url: str


@dataclass(frozen=True)
class Waiting:
    """A project an officer may decide on."""

    name: str
    title: str
    command: str


@dataclass(frozen=True)
class StartPage:
    display_name: str
    projects: tuple[ProjectCard, ...]
    queue_url: str
    is_officer: bool
    waiting: tuple[Waiting, ...]
    is_operator: bool


class StartPages:
    """The page for anybody at one moment."""

    def __init__(self, store: HubStore, settings: PublicSettings, now: datetime) -> None:
        self._store = store
        self._settings = settings
        self._now = now
        self._projects = [item for item in store.list(Kind.PROJECT) if isinstance(item, Project)]
        self._grants = [item for item in store.list(Kind.GRANT) if isinstance(item, Grant)]

    def of(self, name: str) -> StartPage:
        person = PersonRef(subject=name)
        roles = {grant.spec.role for grant in self._grants if grant.spec.person == person and self._holds(grant)}
        officer = Role.GOVERNANCE_OFFICER in roles
        return StartPage(
            display_name=self._display_name(person),
            projects=tuple(self._card(project, person) for project in self._projects if self._belongs(project, person)),
            queue_url=f"{self._settings.review_url}/queue" if Role.OUTPUT_CHECKER in roles else "",
            is_officer=officer,
            waiting=tuple(self._waiting()) if officer else (),
            is_operator=Role.OPERATOR in roles,
        )

    def _holds(self, grant: Grant) -> bool:
        return grant.spec.since <= self._now < grant.spec.until

    def _belongs(self, project: Project, person: PersonRef) -> bool:
        """Former members still see that it ended and whom to ask."""
        granted = any(grant.spec.project == project.name and grant.spec.person == person for grant in self._grants)
        return granted or person in {project.spec.lead, project.spec.requester}

    def _card(self, project: Project, person: PersonRef) -> ProjectCard:
        status = self._store.project_status(project.name)
        deployed = status.phase is ProjectPhase.DEPLOYED
        may_open = deployed and _may_open(status, person, self._now)
        return ProjectCard(
            name=project.name,
            title=project.spec.title,
            phase=PHASES[status.phase],
            tone=TONES.get(status.phase, ""),
            problems=()
            if deployed
            else tuple(_problem(condition) for condition in status.conditions if not condition.status),
            steps=() if deployed else tuple(_step(step) for step in status.steps),
            endings=tuple(sorted(self._endings(project, status, person), key=lambda ending: ending.when)),
            contacts=tuple(self._contacts(project)),
            open_url=f"/hub/spawn/{person.subject}/{project.name}" if may_open else "",
            releases_url=f"{self._settings.review_url}/",
        )

    def _endings(self, project: Project, status: ProjectStatus, person: PersonRef) -> Iterator[Ending]:
        yield Ending("The project", project.spec.ends, "as applied for")
        for right in status.spawn_rights:
            if right.person == person:
                yield Ending("Opening a workspace", right.until, right.because)
        for grant in self._grants:
            if grant.spec.person == person and grant.spec.project == project.name:
                yield Ending(f"Your access as {grant.spec.role}", grant.spec.until, "your grant ends")
                if grant.spec.training:
                    yield Ending("Your training", grant.spec.training.until, grant.spec.training.ref)

    def _contacts(self, project: Project) -> Iterator[Contact]:
        yield Contact("Project lead", self._display_name(project.spec.lead))
        for reference in project.spec.datasets:
            dataset = self._store.get(Kind.DATASET, reference.name)
            if isinstance(dataset, Dataset):
                yield Contact(f"Custodian of {dataset.spec.title}", dataset.spec.custodian)

    def _waiting(self) -> Iterator[Waiting]:
        for project in self._projects:
            if self._store.project_status(project.name).phase is ProjectPhase.PENDING_APPROVAL:
                yield Waiting(project.name, project.spec.title, f"tidegate approve project {project.name}")

    def _display_name(self, person: PersonRef) -> str:
        account = self._store.account(person.subject)
        return account.display_name if account else person.subject


def _may_open(status: ProjectStatus, person: PersonRef, now: datetime) -> bool:
    return any(right.person == person and right.until > now for right in status.spawn_rights)


def _problem(condition: Condition) -> str:
    return condition.message or condition.reason


def _step(step: Step) -> str:
    count = f" ({step.done} of {step.total})" if step.total else ""
    return f"{step.name}: {STEP_WORDS[step.state]}{count}" + (f". {step.message}" if step.message else "")
