"""Keeps the policy bundle in step with the licences: asks the publisher every few seconds. Started by the wiring."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from tidegate.model import TidegateError

log = structlog.get_logger("provisioner")


class Publishes(Protocol):
    def publish(self, now: datetime) -> object: ...


@dataclass(frozen=True)
class Publishing:
    """`publisher` is None where bundles come from elsewhere."""

    publisher: Publishes | None
    clock: Callable[[], datetime]
    seconds: float

    def start(self, stop: threading.Event) -> None:
        if self.publisher is not None:
            threading.Thread(target=self._run, args=(self.publisher, stop), name="publish", daemon=True).start()

    def _run(self, publisher: Publishes, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                publisher.publish(self.clock())
            except TidegateError as error:
                log.warning("bundle not published", code=error.code, sentence=error.sentence)
            except Exception:
                log.exception("bundle not published")
            stop.wait(self.seconds)
