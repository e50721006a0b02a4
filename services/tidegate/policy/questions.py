"""Builds each question from the store: who is asked about, what they hold, and what was approved.

Called by the provisioner, the hub and egress review just before they ask. Reads everything anew: nothing is cached.
"""

from collections.abc import Iterable
from datetime import datetime

from tidegate.model import (
    Approval,
    Dataset,
    ExitCode,
    Grant,
    Kind,
    Licence,
    PersonRef,
    Project,
    TidegateError,
    Verdict,
    to_text,
)
from tidegate.model.project import DatasetRef
from tidegate.policy.compiler import moment
from tidegate.policy.envelope import (
    API,
    ApprovalFacts,
    ApproveQuestion,
    ApproveSubject,
    DatasetFacts,
    GrantFacts,
    Network,
    Person,
    ProjectFacts,
    ReleaseFacts,
    ReleaseQuestion,
    ReleaseSubject,
    StartQuestion,
    StartSubject,
)
from tidegate.policy.port import Register


def project_approve(
    store: Register, project: Project, now: datetime, *, actor: PersonRef | None = None
) -> ApproveQuestion:
    """May this project have what it asks for?

    Args:
        store: where data sets, licences, grants and approvals are.
        project: as it stands now; need not be in the store yet.
        now: the moment asked about.
        actor: the officer who wants to approve it; leave out where nobody is acting (the controller's look).
    """
    grants = _grants(store, actor) if actor else ()
    return ApproveQuestion(
        api=API,
        point="project.approve",
        now=to_text(now),
        project=_project(store, project),
        datasets=_datasets(store, project),
        subject=ApproveSubject(actor=_person(actor) if actor else None, grants=grants),
    )


def workspace_start(
    store: Register, project_name: str, person: PersonRef, now: datetime, *, network: Network | None = None
) -> StartQuestion:
    """May this person start a workspace of this project now?

    Args:
        store: where everything is read from.
        project_name: the project.
        person: whose workspace.
        now: the moment asked about.
        network: what the sandbox would get; the project's own setting where left out.

    Raises:
        TidegateError: ``project_unknown``.
    """
    project = _find(store, project_name)
    return StartQuestion(
        api=API,
        point="workspace.start",
        now=to_text(now),
        project=_project(store, project),
        datasets=_datasets(store, project),
        subject=StartSubject(
            person=_person(person),
            grants=_grants(store, person, project_name),
            network=network or project.spec.policy.network,
        ),
    )


def egress_release(store: Register, project_name: str, facts: ReleaseFacts, now: datetime) -> ReleaseQuestion:
    """May these reviewed files leave for this destination?

    Raises:
        TidegateError: ``project_unknown``.
    """
    project = _find(store, project_name)
    author = PersonRef(issuer=facts.person.issuer, subject=facts.person.subject)
    return ReleaseQuestion(
        api=API,
        point="egress.release",
        now=to_text(now),
        project=_project(store, project),
        datasets=_datasets(store, project),
        subject=ReleaseSubject(
            **dict(facts),
            grants=_grants(store, author, project_name),
            members=_members(store, project, author),
        ),
    )


def _find(store: Register, name: str) -> Project:
    project = store.get(Kind.PROJECT, name)
    if not isinstance(project, Project):
        raise TidegateError(
            "project_unknown",
            f"There is no project {name}.",
            "Run 'tidegate get projects' to see which there are.",
            ExitCode.NOT_FOUND,
        )
    return project


def _project(store: Register, project: Project) -> ProjectFacts:
    spec = project.spec
    return ProjectFacts(
        name=project.name,
        digest=project.digest(),
        requester=_person(spec.requester),
        lead=_person(spec.lead),
        organisation=spec.organisation,
        codes=spec.purpose.codes,
        diseases=spec.purpose.diseases,
        commercial=spec.purpose.commercial,
        ethics_approved=spec.purpose.ethics_ref is not None,
        tier=spec.tier,
        network=spec.policy.network,
        destinations=spec.policy.destinations,
        permitted_types=spec.policy.permitted_types,
        reviewers=spec.reviewers,
        ends=moment(spec.ends),
        stage=spec.stage,
        approvals=tuple(_approval(a) for a in _approvals(store, project.name)),
    )


def _approvals(store: Register, project: str) -> list[Approval]:
    every = (a for a in store.list(Kind.APPROVAL) if isinstance(a, Approval))
    return [a for a in every if (a.spec.subject.kind, a.spec.subject.name) == ("Project", project)]


def _approval(approval: Approval) -> ApprovalFacts:
    spec = approval.spec
    return ApprovalFacts(
        verdict=spec.verdict,
        by=_person(spec.by),
        digest=spec.subject.digest,
        at=moment(spec.at),
        until=moment(spec.until) if spec.until else None,
    )


def _datasets(store: Register, project: Project) -> tuple[DatasetFacts, ...]:
    return tuple(_dataset(store, project, ref) for ref in project.spec.datasets)


def _dataset(store: Register, project: Project, ref: DatasetRef) -> DatasetFacts:
    found = store.get(Kind.DATASET, ref.name)
    if not isinstance(found, Dataset):
        return DatasetFacts(
            name=ref.name,
            registered=False,
            digest=None,
            pinned_digest=ref.digest,
            tier=None,
            licence=None,
            licence_digest=None,
            other_projects=(),
        )
    return DatasetFacts(
        name=ref.name,
        registered=True,
        digest=found.digest(),
        pinned_digest=ref.digest,
        tier=found.spec.tier,
        licence=found.spec.licence.name,
        licence_digest=found.spec.licence.digest or _licence_digest(store, found.spec.licence.name),
        other_projects=_other_projects(store, project, found.spec.licence.name),
    )


def _licence_digest(store: Register, name: str) -> str | None:
    licence = store.get(Kind.LICENCE, name)
    return licence.digest() if isinstance(licence, Licence) else None


def _other_projects(store: Register, project: Project, licence: str) -> tuple[str, ...]:
    """Approved projects beside this one that use a data set under this licence."""
    under = {d.name for d in store.list(Kind.DATASET) if isinstance(d, Dataset) and d.spec.licence.name == licence}
    others = (p for p in store.list(Kind.PROJECT) if isinstance(p, Project) and p.name != project.name)
    users = (p for p in others if under & {ref.name for ref in p.spec.datasets})
    return tuple(p.name for p in users if _was_approved(store, p))


def _was_approved(store: Register, project: Project) -> bool:
    digest = project.digest()
    return any(
        a.spec.verdict is Verdict.APPROVE and a.spec.subject.digest == digest for a in _approvals(store, project.name)
    )


def _grants(store: Register, person: PersonRef, project: str | None = None) -> tuple[GrantFacts, ...]:
    held = (g for g in _all_grants(store) if g.spec.person == person and g.spec.project == project)
    return tuple(_grant(g) for g in held)


def _grant(grant: Grant) -> GrantFacts:
    spec = grant.spec
    return GrantFacts(
        name=grant.name,
        person=_person(spec.person),
        project=spec.project,
        role=spec.role,
        since=moment(spec.since),
        until=moment(spec.until),
        training_until=moment(spec.training.until) if spec.training else None,
    )


def _members(store: Register, project: Project, author: PersonRef) -> tuple[Person, ...]:
    """Everyone with a grant of the project, ended ones too: a former member does not review it."""
    granted = (g.spec.person for g in _all_grants(store) if g.spec.project == project.name)
    everyone = {(p.issuer, p.subject) for p in (*granted, project.spec.requester, project.spec.lead, author)}
    return tuple(Person(issuer=issuer, subject=subject) for issuer, subject in sorted(everyone))


def _all_grants(store: Register) -> Iterable[Grant]:
    return (g for g in store.list(Kind.GRANT) if isinstance(g, Grant))


def _person(person: PersonRef) -> Person:
    return Person(issuer=person.issuer, subject=person.subject)
