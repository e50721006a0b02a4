"""Who somebody is towards a request: computed from grants and the project at the moment of the act, never stored.

Roles never come from the request. Someone with several roles has the least of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from tidegate.model import PersonRef, Project, Role
from tidegate.model.grant import GrantSpec


class Party(StrEnum):
    AUTHOR = "author"
    MEMBER = "member"
    OBSERVER = "observer"
    CHECKER = "checker"
    CHECKER_MEMBER = "checker-member"
    OFFICER = "officer"
    OPERATOR = "operator"
    WORKSPACE = "workspace"
    SERVICE = "service"
    STRANGER = "stranger"


class ActorKind(StrEnum):
    PERSON = "person"
    WORKSPACE = "workspace"
    SERVICE = "service"


@dataclass(frozen=True)
class Actor:
    """Who acts. For a workspace, `person` is whose it is and `project` where; it still is no person."""

    kind: ActorKind
    person: PersonRef | None = None
    project: str = ""

    @property
    def human(self) -> str:
        """One name per human, for counting distinct people."""
        return f"{self.person.issuer}:{self.person.subject}" if self.person else ""


SERVICE: Final = Actor(ActorKind.SERVICE)

ENVIRONMENT_PARTIES: Final[dict[Role, Party]] = {
    Role.OUTPUT_CHECKER: Party.CHECKER,
    Role.GOVERNANCE_OFFICER: Party.OFFICER,
    Role.OPERATOR: Party.OPERATOR,
}


def as_person(person: PersonRef) -> Actor:
    return Actor(ActorKind.PERSON, person)


def human_of(person: PersonRef) -> str:
    return as_person(person).human


def is_live(grant: GrantSpec, now: datetime) -> bool:
    return grant.since <= now < grant.until


def live_roles(grants: Iterable[GrantSpec], project: str | None, now: datetime) -> frozenset[Role]:
    """Roles in a project (or, with None, in the environment) that hold now."""
    return frozenset(grant.role for grant in grants if grant.project == project and is_live(grant, now))


@dataclass(frozen=True)
class Membership:
    """A project as membership sees it. `named`: its lead and its requester, members without a grant."""

    project: str
    named: frozenset[PersonRef] = frozenset()

    @classmethod
    def of(cls, project: Project) -> "Membership":
        return cls(project.name, frozenset({project.spec.lead, project.spec.requester}))


def ever_member(person: PersonRef, grants: Iterable[GrantSpec], project: Membership, now: datetime) -> bool:
    """A member is anyone with a grant in the project, now or before, its lead and its requester included."""
    return person in project.named or any(g.project == project.project and g.since <= now for g in grants)


def parties_of(
    actor: Actor, author: PersonRef, grants: tuple[GrantSpec, ...], project: Membership, now: datetime
) -> frozenset[Party]:
    """Every party the actor is; an action needs the consent of each row."""
    if actor.kind is ActorKind.SERVICE:
        return frozenset({Party.SERVICE})
    if actor.kind is ActorKind.WORKSPACE:
        own = actor.person == author and actor.project == project.project
        return frozenset({Party.WORKSPACE if own else Party.STRANGER})
    if actor.person is None:
        return frozenset({Party.STRANGER})
    if actor.person == author:
        return frozenset({Party.AUTHOR})
    return _of_person(actor.person, grants, project, now)


def _of_person(
    person: PersonRef, grants: tuple[GrantSpec, ...], project: Membership, now: datetime
) -> frozenset[Party]:
    here = live_roles(grants, project.project, now)
    environment = frozenset(ENVIRONMENT_PARTIES[role] for role in live_roles(grants, None, now))
    if Party.CHECKER in environment and ever_member(person, grants, project, now):
        return frozenset({Party.CHECKER_MEMBER})
    if here:
        return frozenset({Party.OBSERVER if here == {Role.OBSERVER} else Party.MEMBER})
    return environment or frozenset({Party.STRANGER})
