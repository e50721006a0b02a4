"""When things end, from dated facts alone. No policy engine and no event is needed to know it.

Read by `spawn` (who may start until when) and `summary` (when to look again, what to warn of).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from provisioner.domain.facts import Facts, kind_of
from provisioner.domain.verdicts import Standing, judge, project_verdict
from tidegate.model import Grant, Resource

WARNING = timedelta(days=30)


@dataclass(frozen=True, order=True)
class End:
    """The first instant at which something no longer holds, and what it is: ``the licence cc-by-3.0 ends``."""

    at: datetime
    because: str


def earliest(ends: Iterable[End]) -> End | None:
    """The first of them; the reason decides between two at one instant, so the order of facts never does."""
    return min(ends, default=None)


def project_ends(facts: Facts, now: datetime) -> tuple[End, ...]:
    """Ends that hold for everyone in the project."""
    ends = [End(facts.project.spec.ends, "the project ends")]
    verdict = project_verdict(facts.project, facts.approvals, now)
    if verdict.until is not None:
        ends.append(End(verdict.until, "the approval ends"))
    if verdict.standing is Standing.REVOKED and verdict.at is not None:
        ends.append(End(verdict.at, "the approval was revoked"))
    terms = [(licence.name, licence.spec.grant.valid_to) for licence in facts.licences]
    ends += [End(valid_to, f"the licence {name} ends") for name, valid_to in terms if valid_to is not None]
    for item in (*facts.licences, *facts.datasets):
        ends += _revoked(item, facts, now)
    return tuple(ends)


def person_ends(grant: Grant, facts: Facts, now: datetime) -> tuple[End, ...]:
    """Ends of one grant. Without training on record there is no such end; policy decides whether it may start."""
    ends = [End(grant.spec.until, f"the grant {grant.name} ends")]
    if grant.spec.training is not None:
        ends.append(End(grant.spec.training.until, f"the training of {grant.spec.person.subject} ends"))
    return (*ends, *_revoked(grant, facts, now))


def ended(facts: Facts, now: datetime) -> End | None:
    """The first end of the whole project that has passed."""
    return earliest(end for end in project_ends(facts, now) if end.at <= now)


def ahead(facts: Facts, now: datetime) -> tuple[End, ...]:
    """Every end still to come, the project's and each person's."""
    personal = [end for grant in facts.grants for end in person_ends(grant, facts, now)]
    return tuple(sorted(end for end in (*project_ends(facts, now), *personal) if end.at > now))


def starts(facts: Facts, now: datetime) -> tuple[End, ...]:
    """Instants at which something begins to hold: grants, licences and Approvals dated ahead."""
    found = [End(grant.spec.since, f"the grant {grant.name} begins") for grant in facts.grants]
    found += [End(item.spec.grant.valid_from, f"the licence {item.name} begins") for item in facts.licences]
    found += [End(item.spec.at, f"the approval {item.name} begins") for item in facts.approvals]
    return tuple(sorted(start for start in found if start.at > now))


def expiring(facts: Facts, now: datetime) -> End | None:
    """The next end, where it is near enough to warn of."""
    return earliest(end for end in ahead(facts, now) if end.at - WARNING <= now)


def warnings(facts: Facts, now: datetime) -> tuple[End, ...]:
    """Instants at which a warning becomes due."""
    due = [End(end.at - WARNING, f"a warning is due: {end.because}") for end in ahead(facts, now)]
    return tuple(warning for warning in due if warning.at > now)


def _revoked(item: Resource, facts: Facts, now: datetime) -> list[End]:
    kind = kind_of(item)
    verdict = judge(facts.approvals, kind, item.name, item.digest(), now)
    if verdict.standing is Standing.REVOKED and verdict.at is not None:
        return [End(verdict.at, f"the {kind.lower()} {item.name} was revoked")]
    return []
