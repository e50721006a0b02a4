"""Who may act as a governance officer now: a live environment grant says so, nothing else does."""

from collections.abc import Iterable
from datetime import datetime

from tidegate.model import AnyResource, ExitCode, Grant, PersonRef, Project, Role, Scope, TidegateError


def officers(grants: Iterable[Grant], now: datetime) -> frozenset[PersonRef]:
    """All with a live governance officer's grant."""
    return frozenset(
        grant.spec.person
        for grant in grants
        if grant.spec.role is Role.GOVERNANCE_OFFICER and grant.spec.since <= now < grant.spec.until
    )


def check_may_apply(
    resources: Iterable[AnyResource], actor: PersonRef | None, live: frozenset[PersonRef], now: datetime
) -> None:
    """Officers apply anything. While there is none, whoever runs this machine may make the first ones.

    Raises:
        TidegateError: ``not_an_officer``, or ``officer_needed`` where nobody was named.
    """
    if actor in live:
        return
    if actor is not None:
        raise _refused("not_an_officer", f"{actor.subject} holds no governance officer's grant that is live now.")
    if live or not all(_is_first_grant(resource, now) for resource in resources):
        raise _refused("officer_needed", "This needs a governance officer.")


def _is_first_grant(resource: AnyResource, now: datetime) -> bool:
    return isinstance(resource, Grant) and resource.spec.scope is Scope.ENVIRONMENT and resource.spec.until > now


def check_may_approve(project: Project, actor: PersonRef, live: frozenset[PersonRef]) -> None:
    """An officer, and not the one who asked.

    Raises:
        TidegateError: ``not_an_officer`` or ``same_person``.
    """
    if actor not in live:
        raise _refused("not_an_officer", f"{actor.subject} holds no governance officer's grant that is live now.")
    if actor in {project.spec.requester, project.spec.lead}:
        raise TidegateError(
            "same_person",
            f"{actor.subject} asked for or leads {project.name} and cannot approve it.",
            "Another governance officer must.",
            ExitCode.DENIED,
        )


def _refused(code: str, sentence: str) -> TidegateError:
    return TidegateError(code, sentence, "Use --as with the name of an officer.", ExitCode.DENIED)
