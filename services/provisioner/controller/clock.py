"""A clock that never goes back, for the loop: setting the machine's clock back must not reopen what has ended."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta


class SteadyClock:
    """Follows `wall` forwards at once. While `wall` is behind, it goes on at the pace of `pace`, a monotonic clock."""

    def __init__(self, wall: Callable[[], datetime], pace: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._pace = pace
        self._lock = threading.Lock()
        self._last = (wall(), pace())

    def __call__(self) -> datetime:
        with self._lock:
            moment, mark = self._last
            beat = self._pace()
            now = max(self._wall(), moment + timedelta(seconds=beat - mark))
            self._last = (now, beat)
            return now
