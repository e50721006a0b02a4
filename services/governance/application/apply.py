"""`tidegate apply`: all documents of a file are judged before the first is written, and all are written or none."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import cast

from governance.domain.officers import check_may_apply, officers
from governance.domain.references import bound
from governance.ports import Register
from tidegate.ledger import Actor, Event, Record
from tidegate.model import AnyResource, ExitCode, Grant, Kind, PersonRef, Profile, Project, TidegateError, offered
from tidegate.model.names import Frozen

# An Approval is given by `approve`, which asks the policy; a Cohort is the provisioner's alone.
APPLICABLE = frozenset({Kind.LICENCE, Kind.DATASET, Kind.PROJECT, Kind.GRANT})


class Change(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class Applied(Frozen):
    kind: Kind
    name: str
    change: Change


def apply(
    register: Register,
    resources: Sequence[AnyResource],
    actor: PersonRef | None,
    now: datetime,
    *,
    dry_run: bool = False,
    profiles: Sequence[Profile] = (),
) -> tuple[Applied, ...]:
    """Register these resources, in any order, as this officer. `profiles` where it is known what there is to run on.

    Raises:
        TidegateError: ``not_applicable``, ``officer_needed``, ``not_an_officer``, ``reference_unknown``,
            ``reference_changed``, ``resource_immutable``, ``named_twice``, ``profile_unknown``, ``profile_exceeded``,
            ``project_name_taken``; nothing is written then.
    """
    _check_applicable(resources)
    if profiles:
        for project in (item for item in resources if isinstance(item, Project)):
            offered(project.spec.resources, profiles)
    grants = cast("tuple[Grant, ...]", register.list(Kind.GRANT))
    check_may_apply(resources, actor, officers(grants, now), now)
    ready = _all_bound(register, resources)
    plan = tuple(_planned(register, resource) for resource in ready)
    if not dry_run:
        who = Actor.person(actor) if actor else Actor.service("first-grants")
        register.put_all(
            [(resource, _record(resource, step.change, who)) for resource, step in zip(ready, plan, strict=True)], now
        )
    return plan


def _check_applicable(resources: Sequence[AnyResource]) -> None:
    seen: set[tuple[str, str]] = set()
    for resource in resources:
        if Kind(resource.kind) not in APPLICABLE:
            raise TidegateError(
                "not_applicable",
                f"{resource.kind} {resource.name} cannot be applied from a file.",
                "Approvals are given with `tidegate approve`; cohorts are made by the provisioner.",
                ExitCode.USAGE,
            )
        if (resource.kind, resource.name) in seen:
            raise TidegateError(
                "named_twice",
                f"{resource.kind} {resource.name} stands twice in what was given.",
                "Keep one of them.",
                ExitCode.USAGE,
            )
        seen.add((resource.kind, resource.name))


def _all_bound(register: Register, resources: Sequence[AnyResource]) -> list[AnyResource]:
    """Bind in the order in which kinds refer to each other, whatever the order in the file."""
    known = {(kind, item.name): item for kind in Kind for item in register.list(kind)}
    ready = []
    for resource in sorted(resources, key=lambda item: list(Kind).index(Kind(item.kind))):
        done = bound(resource, known)
        known[Kind(resource.kind), resource.name] = done
        ready.append(done)
    return ready


def _planned(register: Register, resource: AnyResource) -> Applied:
    stored = register.get(Kind(resource.kind), resource.name)
    _check_same_project(stored, resource)
    known = Change.UNCHANGED if stored == resource else Change.CHANGED
    change = Change.CREATED if stored is None else known
    return Applied(kind=Kind(resource.kind), name=resource.name, change=change)


def _check_same_project(stored: AnyResource | None, given: AnyResource) -> None:
    """A name is one project's for ever: what is found under it of somebody else is no earlier version of this one."""
    if isinstance(stored, Project) and isinstance(given, Project) and stored.spec.requester != given.spec.requester:
        raise TidegateError(
            "project_name_taken",
            f"There is a project named {given.name} already, asked for by {stored.spec.requester.subject}.",
            "Choose another name for this one; who asked for a project does not change.",
            ExitCode.USAGE,
        )


def _record(resource: AnyResource, change: Change, actor: Actor) -> Record:
    event = Event.RESOURCE_CREATED if change is Change.CREATED else Event.RESOURCE_CHANGED
    return Record(
        event=event, actor=actor, subject=f"{resource.kind}/{resource.name}", detail={"digest": resource.digest()}
    )
