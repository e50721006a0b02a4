"""The worker's second job: put the approved copies where people may fetch them, with the record of the release.

Safe to be killed at any moment: what is stored is named by its hash, and a lapsed lease sends the request back to
APPROVED, from where it is tried again.
"""

import io
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from egress_review.application.acts import by_service, perform, record, required
from egress_review.application.facts import facts_of
from egress_review.application.release_record import attribution_of, record_of
from egress_review.application.reviewing import allowed_by_policy, stored_hashes
from egress_review.application.scanning import failed_job
from egress_review.domain.actions import Action
from egress_review.domain.decide import Facts
from egress_review.domain.parties import SERVICE
from egress_review.domain.refusals import refused
from egress_review.domain.request import Job, Release, Request
from egress_review.domain.status import Status
from egress_review.domain.votes import all_approved
from egress_review.ports import Ports
from tidegate.ledger import Event, Record
from tidegate.model import TidegateError, canonical_json

DAYS: Final = timedelta(days=7)
DOWNLOADS_PER_FILE: Final = 3
Changed = tuple[Request, tuple[Record, ...]]


def start_release(ports: Ports, request_id: str, holder: str, until: datetime, now: datetime) -> Request:
    """APPROVED to RELEASING: not held, votes counted again, hashes verified, policy asked again.

    Reading every byte takes time, so it is done before the lock; a request that changed meanwhile is refused.
    """
    hashes = stored_hashes(required(ports, request_id))
    intact = all(ports.quarantine.verify(sha) for sha in hashes)

    def change(before: Request, facts: Facts) -> Changed:
        if before.status is not Status.APPROVED:
            raise refused("wrong_status")
        if not all_approved(before, facts.reviewers_needed):
            raise refused("files_not_approved")
        if not intact or stored_hashes(before) != hashes:
            raise refused("file_changed")
        decision = allowed_by_policy(ports, before, by_service(now))
        job = replace(before.job, holder=holder, until=until, tries=before.job.tries + 1, error="")
        after = replace(before, status=Status.RELEASING, job=job, decision=decision)
        return after, (record(Event.RELEASE_STARTED, SERVICE, before, attempt=job.tries, decision=decision),)

    return perform(ports, Action.RUN, request_id, by_service(now), change)


def release(ports: Ports, request_id: str, now: datetime) -> Request:
    """RELEASING to RELEASED: every file stored and read back by its hash, the record beside them."""
    request = required(ports, request_id)
    try:
        details = _store(ports, request, now)
    except TidegateError as error:
        return step_back(ports, request_id, now, error.code)

    def change(before: Request, _facts: Facts) -> Changed:
        if before.status is not Status.RELEASING or before.turn != request.turn:
            raise refused("wrong_status")
        after = replace(before, status=Status.RELEASED, job=Job(), release=details)
        hashes = [file.sanitised for file in before.outputs]
        stored = record(Event.RELEASE_STORED, SERVICE, before, record=details.record, files=hashes)
        return after, (stored, record(Event.REQUEST_RELEASED, SERVICE, before, until=details.until.isoformat()))

    return perform(ports, Action.RUN, request_id, by_service(now), change)


def step_back(ports: Ports, request_id: str, now: datetime, problem: str) -> Request:
    """RELEASING to APPROVED: the attempt failed, or the worker that had it is gone."""

    def change(before: Request, _facts: Facts) -> Changed:
        if before.status is not Status.RELEASING:
            raise refused("wrong_status")
        lapsed = problem == LAPSED
        job = Job(tries=before.job.tries) if lapsed else failed_job(before.job, problem, now)
        after = replace(before, status=Status.APPROVED, job=job)
        return after, (record(Event.RELEASE_FAILED, SERVICE, before, problem=problem, attempt=before.job.tries),)

    return perform(ports, Action.STEP_BACK, request_id, by_service(now), change)


LAPSED: Final = "lease_lapsed"


def put_off(ports: Ports, request_id: str, now: datetime, error: TidegateError) -> Request:
    """An approved request that cannot go now waits visibly: once per cause and try, on the record."""
    with ports.requests.locked():
        before = required(ports, request_id)
        after = replace(before, job=failed_job(replace(before.job, tries=before.job.tries + 1), str(error), now))
        seen = record(Event.HOLD_SEEN, SERVICE, before, code=error.code)
        return ports.requests.save(before, after, (seen,), now)


def note_holds(ports: Ports, request: Request, now: datetime) -> bool:
    """Whether the request is held. A change of reasons goes on the record once, not at each look."""
    holds = tuple(hold.code for hold in facts_of(ports, request, SERVICE, now).holds)
    if holds != request.noted_holds:
        with ports.requests.locked():
            before = required(ports, request.id)
            seen = record(Event.HOLD_SEEN, SERVICE, before, codes=list(holds), lifted=not holds)
            ports.requests.save(before, replace(before, noted_holds=holds), (seen,), now)
    return bool(holds)


def _store(ports: Ports, request: Request, now: datetime) -> Release:
    for file in request.outputs:
        with ports.quarantine.open(file.sanitised) as stream:
            ports.released.put(stream, file.sanitised)
        if not ports.released.verify(file.sanitised):
            raise refused("file_changed", f"File: {file.name}.")
    attribution = attribution_of(ports, request).encode()
    body = canonical_json(record_of(ports, request, now))
    return Release(
        at=now,
        until=now + DAYS,
        per_file=DOWNLOADS_PER_FILE,
        record=_put(ports, body),
        attribution=_put(ports, attribution),
        people=(request.author,),
    )


def _put(ports: Ports, body: bytes) -> str:
    return ports.released.put(io.BytesIO(body)).sha256
