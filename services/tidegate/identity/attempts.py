"""Slows down guessing: after a few wrong passwords for one name, that name waits, twice as long each time.

Called by `check_password` before any password is looked at. Kept in the hub's memory and bounded: a restart forgets,
and nobody who guesses can restart the hub.
"""

import hashlib
import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tidegate.model import TidegateError

FREE_FAILURES: Final = 5
FIRST_WAIT: Final = timedelta(seconds=15)
LONGEST_WAIT: Final = timedelta(minutes=15)
FORGET_AFTER: Final = timedelta(hours=1)
MOST_NAMES: Final = 10_000


@dataclass(frozen=True)
class _Failures:
    count: int
    last: datetime

    @property
    def wait(self) -> timedelta:
        if self.count < FREE_FAILURES:
            return timedelta(0)
        doublings = min(self.count - FREE_FAILURES, 16)
        return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


class Attempts:
    """Wrong passwords by name. Unknown names are counted just the same, so waiting tells nobody which names exist."""

    def __init__(self) -> None:
        self._by_name: OrderedDict[bytes, _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, name: str, now: datetime) -> None:
        """Raise ``login_wait`` while this name must wait."""
        with self._lock:
            failures = self._recent(_key(name), now)
        if failures is None:
            return
        left = failures.last + failures.wait - now
        if left > timedelta(0):
            seconds = math.ceil(left.total_seconds())
            raise TidegateError(
                "login_wait",
                f"Too many wrong passwords for this name; the next try is possible in {seconds} seconds.",
                "If you have forgotten your password, ask the operator to set a new one.",
            )

    def failed(self, name: str, now: datetime) -> None:
        key = _key(name)
        with self._lock:
            before = self._recent(key, now)
            self._by_name[key] = _Failures((before.count if before else 0) + 1, now)
            self._by_name.move_to_end(key)
            while len(self._by_name) > MOST_NAMES:
                self._by_name.popitem(last=False)

    def succeeded(self, name: str) -> None:
        with self._lock:
            self._by_name.pop(_key(name), None)

    def _recent(self, key: bytes, now: datetime) -> _Failures | None:
        failures = self._by_name.get(key)
        return failures if failures and now - failures.last < FORGET_AFTER else None


def _key(name: str) -> bytes:
    """A digest: people type passwords into the name field, and those should not stay in memory."""
    return hashlib.sha256(name.encode()).digest()
