"""Ends what is over: rights first, then running workspaces. Asks no policy engine, so nothing can hold it up.

Called at the start of every `reconcile`, and by the loop alone at the instant a date passes. Each workspace to be
stopped is written down before it is stopped and crossed out after; a kill in between leaves the line, and the next look
stops it again, which is safe.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from provisioner.application.case import Case, Change, unchanged
from provisioner.domain.progress import STOPPING, Name, is_waiting, running, stopping_of, with_step, without_step
from provisioner.domain.spawn import rights_due, rights_kept, to_stop
from provisioner.ports import Ground, Servers
from tidegate.ledger import Event
from tidegate.model import ProjectStatus, SpawnRight, TidegateError, to_text

AT_ONCE = 16
# How the line in the status says that a workspace was seen running: then its end is a record of its own.
SEEN = "server_running"
UNSEEN = "server_not_seen"


def cut(case: Case, servers: Servers, jitter: float, ground: Ground | None = None) -> None:
    """Bring rights and running workspaces down to what the facts allow now."""
    case.write(unchanged)
    up = servers.running(case.name)
    for right in case.status.spawn_rights:
        _trim(case, right, up)
    try:
        _shut(case, ground)
    finally:
        # Workspaces end whether or not the hub's own right could be taken away.
        _end(case, servers, jitter, up)


def _shut(case: Case, ground: Ground | None) -> None:
    """With the last row goes the hub's right to start anything; a project that was never fenced has none."""
    if ground is not None and not case.status.spawn_rights and case.status.step(Name.FENCE) is not None:
        ground.shut(case.name, case.now)


def _end(case: Case, servers: Servers, jitter: float, up: Sequence[str]) -> None:
    for person in to_stop(case.facts, case.status, up, case.now):
        _announce(case, person, up)
    _stop(case, servers, jitter)


def _trim(case: Case, right: SpawnRight, up: Sequence[str]) -> None:
    """Take away or shorten one right, in one write with the intent to stop what it carried."""
    kept = {r.person: r for r in rights_kept(case.facts, case.status, case.now)}.get(right.person)
    if kept == right:
        return
    person = right.person.subject
    event = Event.SPAWN_RIGHT_GIVEN if kept else Event.SPAWN_RIGHT_ENDED
    case.write(_replaced(right, kept, _intent(case, person, up)), event, person=person, **_terms(kept or right))


def _replaced(right: SpawnRight, kept: SpawnRight | None, intent: Change) -> Change:
    def change(status: ProjectStatus) -> ProjectStatus:
        rows = [kept if r.person == right.person else r for r in status.spawn_rights]
        return intent(status.model_copy(update={"spawn_rights": tuple(r for r in rows if r is not None)}))

    return change


def _intent(case: Case, person: str, up: Sequence[str]) -> Change:
    """To stop this person's workspace where it may not run on. One not seen may be on its way up, so it counts too."""
    if person not in to_stop(case.facts, case.status, [person], case.now):
        return unchanged
    code = SEEN if person in up else UNSEEN
    step = running(STOPPING + person, f"Stopping the workspace of {person}.", case.now, code)
    return lambda status: status if status.step(step.name) else with_step(status, step)


def _announce(case: Case, person: str, up: Sequence[str]) -> None:
    if case.status.step(STOPPING + person) is None:
        case.write(_intent(case, person, up), person=person)


def _stop(case: Case, servers: Servers, jitter: float) -> None:
    """Stop all that is written down, at the same time: one that hangs keeps no other alive."""
    status = case.status
    due = [p for p in stopping_of(status) if not is_waiting(status.step(STOPPING + p), case.now)]
    if not due:
        return
    with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(due))) as pool:
        list(pool.map(lambda person: _stop_one(case, servers, person, jitter), due))


def _stop_one(case: Case, servers: Servers, person: str, jitter: float) -> None:
    name = STOPPING + person
    line = case.status.step(name)
    try:
        servers.stop(case.name, person)
    except TidegateError as error:
        case.fail(name, error, jitter)
        return
    seen = line is not None and line.code != UNSEEN
    event = Event.SERVER_STOPPED if seen else Event.PROJECT_STATUS_CHANGED
    case.write(lambda s: without_step(s, name), event, person=person)


def give(case: Case) -> None:
    """The other direction, for the opening alone when every step is done: a row for each person who is due one."""
    for right in rights_due(case.facts, case.now):
        rows = {r.person: r for r in case.status.spawn_rights}
        if rows.get(right.person) != right:
            rows[right.person] = right
            given = tuple(sorted(rows.values(), key=lambda r: r.person.subject))
            case.write(
                lambda s, given=given: s.model_copy(update={"spawn_rights": given}),  # type: ignore[misc]
                Event.SPAWN_RIGHT_GIVEN,
                person=right.person.subject,
                **_terms(right),
            )


def _terms(right: SpawnRight) -> dict[str, str]:
    return {"until": to_text(right.until), "because": right.because}
