"""The worker's first job: judge every file of a submitted request, one at a time, then send it on or back.

Each finished file is written at once, so a worker killed in between resumes with the next file. While a file has no
answer (scanner down) the request stays where it is, visibly.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from egress_review.application.acts import by_service, perform, record, required
from egress_review.domain.actions import Action
from egress_review.domain.decide import Facts
from egress_review.domain.parties import SERVICE
from egress_review.domain.refusals import refused
from egress_review.domain.request import Job, OutputFile, Request
from egress_review.domain.status import Status
from egress_review.ports import Ports, ScanOutcome
from tidegate.ledger import Event, Record

FIRST_DELAY: Final = timedelta(seconds=60)
LONGEST_DELAY: Final = timedelta(hours=1)


def start_scan(ports: Ports, request_id: str, holder: str, until: datetime, now: datetime) -> Request:
    """Take the lease on a request that waits to be scanned."""

    def change(before: Request, _facts: Facts) -> tuple[Request, tuple[Record, ...]]:
        _check_scanning(before, before.turn)
        job = replace(before.job, holder=holder, until=until, tries=before.job.tries + 1, error="")
        after = replace(before, job=job)
        return after, (record(Event.SCAN_STARTED, SERVICE, before, attempt=after.job.tries),)

    return perform(ports, Action.RUN, request_id, by_service(now), change)


def next_unscanned(request: Request) -> OutputFile | None:
    return next((file for file in request.outputs if file.scanned_turn != request.turn), None)


def scan_file(ports: Ports, request: Request, file: OutputFile, now: datetime) -> Request:
    """Judge one file and write the answer, unless the request went elsewhere meanwhile."""
    project = ports.people.project(request.project)
    outcome = ports.scanner.scan(file, project) if project else ScanOutcome(None, "The project is not registered.")

    def change(before: Request, _facts: Facts) -> tuple[Request, tuple[Record, ...]]:
        _check_scanning(before, request.turn)
        return _noted_failure(before, file, outcome, now) if outcome.file is None else _noted(before, outcome.file)

    return perform(ports, Action.RUN, request.id, by_service(now), change)


def finish_scan(ports: Ports, request_id: str, now: datetime) -> Request:
    """All files have an answer: to the checkers, or back to the author where a check blocks."""
    request = required(ports, request_id)

    def change(before: Request, _facts: Facts) -> tuple[Request, tuple[Record, ...]]:
        _check_scanning(before, request.turn)
        if next_unscanned(before) is not None:
            raise refused("wrong_status")
        blocked = [file.sha256 for file in before.outputs if file.blocks]
        if not blocked:
            after = replace(before, status=Status.SUBMITTED, job=Job())
            return after, (record(Event.SCAN_FINISHED, SERVICE, before, outcome="to-checkers"),)
        after = replace(before, status=Status.RETURNED, turn=before.turn + 1, job=Job(), reason=BLOCKED)
        return after, (record(Event.REQUEST_RETURNED, SERVICE, before, by="checks", files=blocked),)

    return perform(ports, Action.RUN, request_id, by_service(now), change)


BLOCKED: Final = "A check blocks at least one file; the findings say which and what to do."


def _noted(before: Request, file: OutputFile) -> tuple[Request, tuple[Record, ...]]:
    scanned = replace(file, scanned_turn=before.turn)
    codes = sorted({finding.code for finding in scanned.findings})
    done = record(Event.SCAN_FINISHED, SERVICE, before, file=file.sha256, sanitised=file.sanitised, findings=codes)
    return before.with_file(scanned), (done,)


def _noted_failure(
    before: Request, file: OutputFile, outcome: ScanOutcome, now: datetime
) -> tuple[Request, tuple[Record, ...]]:
    after = replace(before, job=failed_job(before.job, outcome.problem, now))
    return after, (record(Event.SCAN_FAILED, SERVICE, before, file=file.sha256, problem=outcome.problem),)


def failed_job(job: Job, problem: str, now: datetime) -> Job:
    """The next try comes after a minute, then two, four ... at most an hour."""
    delay = min(FIRST_DELAY * 2 ** min(max(job.tries - 1, 0), 6), LONGEST_DELAY)
    return Job(tries=job.tries, next_try=now + delay, error=problem)


def _check_scanning(request: Request, turn: int) -> None:
    if request.status is not Status.SCANNING or request.turn != turn:
        raise refused("wrong_status")
