"""Gathers what `decide` needs to know: the actor's parties and the dated facts a hold is computed from."""

from collections.abc import Iterable
from datetime import datetime

from egress_review.domain.decide import Facts
from egress_review.domain.holds import DatedFacts, Hold, holds_of
from egress_review.domain.parties import Actor, Membership, is_live, parties_of
from egress_review.domain.refusals import refused
from egress_review.domain.request import Request
from egress_review.domain.status import FINAL
from egress_review.ports import Ports
from tidegate.model import PersonRef, Project, Role, Stage, TidegateError
from tidegate.model.grant import GrantSpec
from tidegate.model.licence import LicenceTerms

AUTHORS_ROLES = frozenset({Role.RESEARCHER, Role.LEAD})


def facts_of(ports: Ports, request: Request, actor: Actor, now: datetime) -> Facts:
    """Everything read afresh: roles are those of the moment of the act."""
    project = ports.people.project(request.project)
    membership = Membership.of(project) if project else Membership(request.project)
    active = actor.person is None or ports.people.is_active(actor.person)
    grants = ports.people.grants_of(actor.person) if actor.person and active else ()
    someone = actor if active else Actor(actor.kind)
    licences = ports.people.licences(project) if project else None
    return Facts(
        parties=parties_of(someone, request.author, grants, membership, now),
        holds=holds_on(ports, request, project, licences, now),
        reviewers_needed=_reviewers(project, licences),
        training_lapsed=_training_lapsed(grants, now),
    )


def holds_on(
    ports: Ports, request: Request, project: Project | None, licences: tuple[LicenceTerms, ...] | None, now: datetime
) -> tuple[Hold, ...]:
    if request.status in FINAL:
        return ()
    intact = all(_is_there(ports, file.sha256, file.size) for file in request.outputs)
    return holds_of(dated_facts(ports, request.author, project, licences, now, files_intact=intact), now)


def dated_facts(
    ports: Ports,
    author: PersonRef,
    project: Project | None,
    licences: tuple[LicenceTerms, ...] | None,
    now: datetime,
    *,
    files_intact: bool = True,
) -> DatedFacts:
    """Only grants that hold now count: neither one to come nor one long ended bridges a gap."""
    if project is None:
        return DatedFacts(project_known=False)
    active = ports.people.is_active(author)
    of_project = (g for g in ports.people.grants_of(author) if g.project == project.name and g.role in AUTHORS_ROLES)
    grants = tuple(grant for grant in of_project if is_live(grant, now))
    ends = [terms.grant.valid_to for terms in licences or () if terms.grant.valid_to is not None]
    return DatedFacts(
        project_ends=project.spec.ends,
        project_closing=project.spec.stage is Stage.CLOSING,
        licence_known=licences is not None,
        licence_until=min(ends, default=None),
        grant_known=bool(grants) and active,
        grant_until=max((grant.until for grant in grants), default=None),
        training_until=_last_training(grants),
        files_intact=files_intact,
    )


def check_may_create(ports: Ports, actor: Actor, project: Project | None, now: datetime) -> Project:
    """Who may start a request: a researcher or lead of the project, now, while nothing holds it."""
    if project is None or actor.person is None:
        raise refused("not_visible")
    roles = {g.role for g in ports.people.grants_of(actor.person) if g.project == project.name and is_live(g, now)}
    if not roles & AUTHORS_ROLES:
        raise refused("not_allowed")
    holds = holds_of(dated_facts(ports, actor.person, project, ports.people.licences(project), now), now)
    if holds:
        raise refused("held", " ".join(hold.sentence for hold in holds))
    return project


def _is_there(ports: Ports, sha256: str, size: int) -> bool:
    try:
        return ports.quarantine.size(sha256) == size
    except TidegateError as error:
        if error.code == "OBJECT_MISSING":
            return False
        raise


def _reviewers(project: Project | None, licences: Iterable[LicenceTerms] | None) -> int:
    asked = [project.spec.reviewers] if project else []
    return max(2, *asked, *(terms.outputs.min_reviewers for terms in licences or ()), 2)


def _training_lapsed(grants: tuple[GrantSpec, ...], now: datetime) -> bool:
    """Only where every live checker's grant names a training that has ended."""
    live = [grant for grant in grants if grant.role is Role.OUTPUT_CHECKER and is_live(grant, now)]
    return bool(live) and all(grant.training is not None and grant.training.until <= now for grant in live)


def _last_training(grants: tuple[GrantSpec, ...]) -> datetime | None:
    trainings = [grant.training.until for grant in grants if grant.training is not None]
    return max(trainings) if trainings and len(trainings) == len(grants) else None
