"""Who may start a workspace until when, and whose running workspace must stop now.

Pure, and read at every look: what was allowed a second ago does not count. The policy engine is not asked here; what it
last said stands in the conditions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from provisioner.domain.conditions import Kind, Reason
from provisioner.domain.ends import End, earliest, ended, person_ends, project_ends
from provisioner.domain.facts import Facts
from tidegate.model import Grant, ProjectPhase, ProjectStatus, SpawnRight

# How long running workspaces outlive the fault of a condition. What has no row here stops them at once.
GRACE: dict[Reason, timedelta] = {
    Reason.DRAFT: timedelta(minutes=15),
    Reason.PART_MISSING: timedelta(minutes=15),
    Reason.NOT_OFFERED: timedelta(minutes=15),
    Reason.SPEC_CHANGED: timedelta(minutes=15),
    Reason.APPROVAL_MISSING: timedelta(minutes=15),
    Reason.DENIED: timedelta(minutes=15),
    Reason.NEEDS_HUMAN: timedelta(minutes=15),
    Reason.POLICY_UNAVAILABLE: timedelta(minutes=15),
    Reason.PROBE_FAILED: timedelta(minutes=15),
    Reason.FENCE_FAILED: timedelta(minutes=15),
    Reason.PULLING: timedelta(minutes=15),
    Reason.COHORT_FAILED: timedelta(minutes=15),
}
# While the engine is silent no right is given and, within the grace, none is taken: the hub asks it at each start.
KEEPS_RIGHTS = frozenset({Reason.POLICY_UNAVAILABLE})
GUARDS = (Kind.COMPLETE, Kind.APPROVED, Kind.POLICY_ALLOWED, Kind.NETWORK_ISOLATED, Kind.COHORT_READY)


@dataclass(frozen=True)
class Access:
    """Whether rights stand, and from when on nothing of the project may run.

    `stop` is set wherever a guard does not hold.
    """

    rights: bool
    stop: End | None = None


def access_of(facts: Facts, status: ProjectStatus, now: datetime) -> Access:
    """What the conditions as last recorded, and the dates, leave open now."""
    over = ended(facts, now)
    if over is not None or status.phase in {ProjectPhase.PENDING_DELETION, ProjectPhase.DELETED}:
        return Access(rights=False, stop=over or End(now, "the project is closing"))
    stops, kept = [], True
    for kind in GUARDS:
        condition = status.condition(kind)
        if condition is None or condition.status:
            continue
        reason = Reason(condition.reason)
        stop = End(condition.since + GRACE.get(reason, timedelta(0)), f"running workspaces are stopped ({reason})")
        stops.append(stop)
        kept = kept and reason in KEEPS_RIGHTS and now < stop.at
    return Access(rights=kept, stop=earliest(stops))


def rights_due(facts: Facts, now: datetime) -> tuple[SpawnRight, ...]:
    """A row for each person with a live grant, until the earliest of all ends that bind them."""
    shared = project_ends(facts, now)
    best: dict[str, tuple[End, Grant]] = {}
    for grant in facts.grants:
        end = earliest((*person_ends(grant, facts, now), *shared))
        if end is None or not grant.spec.since <= now < end.at:
            continue
        known = best.get(grant.spec.person.subject)
        # Of two grants of one person the one that lasts longer counts.
        if known is None or (end.at, grant.name) > (known[0].at, known[1].name):
            best[grant.spec.person.subject] = (end, grant)
    return tuple(
        SpawnRight(person=grant.spec.person, until=end.at, because=end.because)
        for _, (end, grant) in sorted(best.items())
    )


def rights_kept(facts: Facts, status: ProjectStatus, now: datetime) -> tuple[SpawnRight, ...]:
    """Of the rows that stand, those that still may, none longer than is due now. Never adds one."""
    if not access_of(facts, status, now).rights:
        return ()
    due = {right.person: right for right in rights_due(facts, now)}
    kept = []
    for right in status.spawn_rights:
        allowed = due.get(right.person)
        if allowed is not None:
            kept.append(min(right, allowed, key=lambda r: r.until))
    return tuple(kept)


def to_stop(facts: Facts, status: ProjectStatus, people: Iterable[str], now: datetime) -> tuple[str, ...]:
    """Of these people with a running workspace, those whose workspace must stop now."""
    access = access_of(facts, status, now)
    if access.stop is not None and access.stop.at <= now:
        return tuple(sorted(set(people)))
    may_run = {right.person.subject for right in rights_due(facts, now)}
    return tuple(sorted(set(people) - may_run))
