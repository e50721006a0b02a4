"""The loop behind `work`: takes what waits, one request at a time, under a lease that outlives no crash by much."""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import Error as DatabaseError
from django.db import connections

from egress_review.application.releasing import LAPSED, note_holds, put_off, release, start_release, step_back
from egress_review.application.scanning import finish_scan, next_unscanned, scan_file, start_scan
from egress_review.domain.refusals import RefusalError
from egress_review.domain.request import Request
from egress_review.domain.status import Status
from egress_review.ports import Ports
from tidegate.model import TidegateError

PAUSE_SECONDS: Final = 0.5
log = logging.getLogger(__name__)


class Worker:
    """One worker. Several may run: a lease says who has a request."""

    def __init__(
        self, ports: Ports, lease: timedelta, clock: Callable[[], datetime], alive: Callable[[], None] = lambda: None
    ) -> None:
        """`alive` is called whenever something was tried, for whoever asks whether this process still works."""
        self._ports = ports
        self._lease = lease
        self._clock = clock
        self._alive = alive
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    def run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._alive()
            try:
                worked = self.once()
            except DatabaseError:
                log.exception("the database did not answer; trying again")
                worked = 0
            connections.close_all()
            if not worked:
                stopping.wait(PAUSE_SECONDS)

    def once(self) -> int:
        """Look at everything that waits; how many requests moved or were tried."""
        return sum(self._take(request) for request in self._ports.requests.waiting(self._clock()))

    def _take(self, request: Request) -> bool:
        self._alive()
        try:
            return self._move(request)
        except RefusalError as refusal:
            # Withdrawn, held or taken by another meanwhile: look again.
            log.info("request %s: %s", request.id, refusal.code)
            return True
        except (TidegateError, DatabaseError) as error:
            # Something we stand on does not answer, or answers oddly here: the others go on, this one is tried again.
            log.warning("request %s: %s", request.id, getattr(error, "code", type(error).__name__))
            return False

    def _move(self, request: Request) -> bool:
        if request.status is Status.RELEASING:
            step_back(self._ports, request.id, self._clock(), LAPSED)
        elif note_holds(self._ports, request, self._clock()):
            return False
        elif request.status is Status.SCANNING:
            self._scan(request)
        else:
            self._release(request)
        return True

    def _scan(self, request: Request) -> None:
        now = self._clock()
        current = start_scan(self._ports, request.id, self._name, now + self._lease, now)
        with Heartbeat(self._ports, request.id, self._name, self._lease, self._clock):
            while (file := next_unscanned(current)) is not None:
                self._alive()
                current = scan_file(self._ports, current, file, self._clock())
                if current.job.error:
                    return
        finish_scan(self._ports, request.id, self._clock())

    def _release(self, request: Request) -> None:
        now = self._clock()
        try:
            start_release(self._ports, request.id, self._name, now + self._lease, now)
        except TidegateError as error:
            put_off(self._ports, request.id, now, error)
            return
        with Heartbeat(self._ports, request.id, self._name, self._lease, self._clock):
            release(self._ports, request.id, self._clock())


class Heartbeat:
    """Prolongs a lease from a thread of its own while one file takes long; ends with the block, or with the process."""

    def __init__(
        self, ports: Ports, request_id: str, holder: str, lease: timedelta, clock: Callable[[], datetime]
    ) -> None:
        self._keep: Callable[[], bool] = lambda: ports.requests.keep_lease(request_id, holder, clock() + lease)
        self._every = lease.total_seconds() / 3
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._done.wait(self._every):
            try:
                self._keep()
            except DatabaseError:
                log.warning("the lease could not be prolonged; trying again")
        connections.close_all()
