"""Keeps one process's writes to the API server below a rate. Used by `client`."""

import threading
import time
from collections.abc import Callable
from typing import Final

WRITES_PER_SECOND: Final = 50
BURST: Final = 10


class Pace:
    """A turn every `1 / rate` seconds; after a quiet while, `burst` turns come at once. Safe in any thread."""

    def __init__(
        self,
        rate: float = WRITES_PER_SECOND,
        burst: int = BURST,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap = 1 / rate
        self._ahead = self._gap * (burst - 1)
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Return when it is this caller's turn."""
        with self._lock:
            now = self._clock()
            turn = max(self._next, now - self._ahead)
            self._next = turn + self._gap
        if turn > now:
            self._sleep(turn - now)
