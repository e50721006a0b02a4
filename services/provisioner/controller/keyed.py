"""Runs work for keys on a few threads: never two at once for one key, never the same key queued twice.

Used by the loop, once for looks and once for cuts. A key asked for while it is worked on is done once more afterwards,
since what it was asked for may have come too late for the work under way.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import structlog

from provisioner.domain.progress import delay

log = structlog.get_logger("provisioner")


class KeyedPool:
    """`work` is called with a key. When it raises, the key is due again after a back-off, through `later`."""

    def __init__(self, name: str, work: Callable[[str], None], threads: int) -> None:
        self._work = work
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._active: set[str] = set()
        self._again: set[str] = set()
        self._tries: dict[str, int] = {}
        self._closed = False

    def submit(self, key: str) -> None:
        with self._lock:
            if self._closed:
                return
            if key in self._active:
                self._again.add(key)
                return
            self._active.add(key)
            self._pool.submit(self._run, key)

    def busy(self) -> bool:
        """Whether anything is under way or waits for a thread."""
        with self._lock:
            return bool(self._active)

    def busy_with(self, key: str) -> bool:
        """Whether this key is under way or waits for a thread."""
        with self._lock:
            return key in self._active

    def held_back(self, key: str, jitter: float) -> timedelta:
        """How long to leave a key alone after it raised; nothing for one that works."""
        tries = self._tries.get(key, 0)
        return delay(tries, jitter) if tries else timedelta(0)

    def close(self, seconds: float) -> bool:
        """Take nothing more, and wait for what is under way. False where it takes longer."""
        with self._lock:
            self._closed = True
            self._again.clear()
            done = self._idle.wait_for(lambda: not self._active, seconds)
        self._pool.shutdown(wait=done, cancel_futures=True)
        return done

    def _run(self, key: str) -> None:
        try:
            self._work(key)
            self._tries.pop(key, None)
        except Exception:
            self._tries[key] = self._tries.get(key, 0) + 1
            log.exception("look failed", key=key, tries=self._tries[key])
        self._finished(key)

    def _finished(self, key: str) -> None:
        with self._lock:
            if key in self._again and key not in self._tries:
                self._again.discard(key)
                self._pool.submit(self._run, key)
                return
            self._again.discard(key)
            self._active.discard(key)
            self._idle.notify_all()
