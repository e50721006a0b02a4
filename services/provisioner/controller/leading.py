"""Keeps the Lease for the life of the process, and ends the process when it is lost. Called by the wiring."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from provisioner.controller.lease import HELD_SECONDS, RENEW_SECONDS, Lease
from tidegate.model import TidegateError

log = structlog.get_logger("provisioner")

TRY_SECONDS = 1.0


@dataclass
class Leading:
    """`ended` is called once the Lease is lost; it does not come back."""

    lease: Lease
    ended: Callable[[], None]
    stop: threading.Event = field(default_factory=threading.Event)

    def wait(self, stop: threading.Event) -> bool:
        """Until this process leads. False where it was told to stop before that."""
        while not stop.is_set():
            try:
                if self.lease.take():
                    log.info("leading", transitions=self.lease.transitions)
                    return True
            except TidegateError as error:
                log.warning("lease not taken", code=error.code, sentence=error.sentence)
            stop.wait(TRY_SECONDS)
        return False

    def keep(self) -> threading.Thread:
        thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        thread.start()
        return thread

    def leave(self) -> None:
        """Give the Lease up after everything else has stopped."""
        self.stop.set()
        try:
            self.lease.give_up()
        except TidegateError as error:
            log.warning("lease not given up", code=error.code)

    def _keep(self) -> None:
        wait = RENEW_SECONDS
        while not self.stop.wait(wait):
            wait = self._once()
            if self.lease.age() >= HELD_SECONDS and not self.stop.is_set():
                self.ended()
                return

    def _once(self) -> float:
        """One renewal; how long to wait for the next."""
        try:
            self.lease.renew()
        except TidegateError as error:
            log.warning("lease not renewed", code=error.code, age=round(min(self.lease.age(), HELD_SECONDS), 1))
            return TRY_SECONDS
        except Exception:
            log.exception("lease not renewed")
            return TRY_SECONDS
        return RENEW_SECONDS
