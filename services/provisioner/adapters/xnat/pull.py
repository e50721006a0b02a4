"""A plan's files into the vault, a few at a time, in a way that a kill at any moment does not harm.

Workers fetch, verify and move files into the vault; this thread alone writes the journal, after the move, so a
journalled file is always there. A file moved but not yet journalled is fetched again and lands on itself.
"""

import queue
import shutil
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from provisioner.adapters.xnat import blobs
from provisioner.adapters.xnat.failures import failure, storage_failure
from provisioner.adapters.xnat.journal import Journal
from provisioner.adapters.xnat.transfer import Fetched, Stopped
from provisioner.domain.plan import Plan, PlanLine
from provisioner.domain.transfer import (
    Code,
    Entry,
    PulledFile,
    PullProgress,
    PullResult,
    Refused,
    blob_path,
)
from tidegate.model import to_text

PARTS: Final = "parts"
TICK_SECONDS: Final = 0.5
SPARE_BYTES: Final = 16 * 1024 * 1024

Fetch = Callable[[PlanLine, Path], Fetched]


@dataclass(frozen=True, slots=True)
class Pull:
    """One run. `step` is called between the steps of each file; tests end the process there."""

    plan: Plan
    folder: Path
    vault: Path
    now: datetime
    workers: int
    clock: Callable[[], float]
    free: Callable[[Path], int] = lambda place: shutil.disk_usage(place).free
    step: Callable[[str], None] = lambda _name: None

    def run(self, fetch: Fetch, meter: "Meter", progress: Callable[[PullProgress], None]) -> PullResult:
        """All of the plan; what the journal and the vault vouch for is not fetched again.

        Raises:
            TidegateError: with a `Code`, as soon as one file fails for good.
        """
        self._make(self.folder, self.vault)
        with Journal(self.folder) as journal:
            # Not before: another pull's half files are none of ours while it holds the journal.
            shutil.rmtree(self.folder / PARTS, ignore_errors=True)
            self._make(self.folder / PARTS)
            done = self._done_before(journal.entries())
            todo = [line for line in self.plan.lines if line.uri not in done]
            self._check_room(todo)
            report = _Report(self.plan, meter, progress, self.clock, sum(e.size for e in done.values()))
            report(len(done))
            with closing(self._finished(fetch, meter, todo)) as finished:
                for entries in finished:
                    self._remember(journal, entries)
                    done.update((entry.uri, entry) for entry in entries)
                    report(len(done))
        return self._result(done)

    def _make(self, *places: Path) -> None:
        try:
            for place in places:
                place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_failure(error, "the folder of the pull") from error

    def _done_before(self, entries: Mapping[str, Entry]) -> dict[str, Entry]:
        pairs = ((line, entries.get(line.uri)) for line in self.plan.lines)
        return {
            line.uri: entry
            for line, entry in pairs
            if entry and entry.answers(line) and (entry.code or blobs.holds(self.vault, entry.sha256, entry.size))
        }

    def _check_room(self, todo: Sequence[PlanLine]) -> None:
        need = sum(line.size for line in todo)
        if need and need + SPARE_BYTES > self.free(self.vault):
            raise failure(Code.DISK_FULL, "", f"the {need:,} bytes still to be pulled from {self.plan.server}")

    def _remember(self, journal: Journal, entries: Sequence[Entry]) -> None:
        if entries:
            self.step("before-journal")
            journal.add(entries)
            self.step("after-journal")

    def _finished(self, fetch: Fetch, meter: "Meter", todo: Sequence[PlanLine]) -> Generator[list[Entry], None, None]:
        """Entries as workers finish files: several together where they come fast, none where a file takes long."""
        entries: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        lines = _Shared(todo)
        with _workers(self.workers, meter) as pool:
            futures = [pool.submit(self._work, fetch, lines, entries, meter) for _ in range(self.workers)]
            left = self.workers
            while left:
                batch = _drain(entries)
                left -= batch.count(None)
                yield [entry for entry in batch if entry]
        _raise_first(futures)

    def _work(
        self,
        fetch: Fetch,
        lines: Iterator[tuple[int, PlanLine]],
        out: "queue.SimpleQueue[Entry | None]",
        meter: "Meter",
    ) -> None:
        """One worker: files until there are no more, or one fails, here or elsewhere."""
        try:
            for place, line in lines:
                if meter.stopped:
                    break
                out.put(self._one(fetch, line, self.folder / PARTS / f"{place}.part"))
        except Stopped:
            pass
        except BaseException:
            meter.stop()
            raise
        finally:
            out.put(None)

    def _one(self, fetch: Fetch, line: PlanLine, part: Path) -> Entry:
        self.step("before-fetch")
        got = fetch(line, part)
        self.step("before-rename")
        if got.refused:
            part.unlink()
        else:
            blobs.put(part, self.vault, got.sha256, line.label)
        self.step("after-rename")
        return Entry(line.uri, line.size, line.md5, got.sha256, got.refused or "", to_text(self.now))

    def _result(self, done: Mapping[str, Entry]) -> PullResult:
        pairs = [(line, done[line.uri]) for line in self.plan.lines]
        return PullResult(
            tuple(PulledFile(n, e.sha256, e.size, blob_path(self.vault, e.sha256)) for n, e in pairs if not e.code),
            tuple(Refused(n, e.code) for n, e in pairs if e.code),
        )


class Meter:
    """Bytes that arrived in this run, and whether workers shall stop; shared by all of them."""

    def __init__(self) -> None:
        self.bytes = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        self._stop.set()

    def moved(self, count: int) -> bool:
        """Count bytes; the answer is whether to go on."""
        with self._lock:
            self.bytes += count
        return not self._stop.is_set()


class _Report:
    """Tells the waiting person how far it is; never further than the whole."""

    def __init__(
        self,
        plan: Plan,
        meter: Meter,
        progress: Callable[[PullProgress], None],
        clock: Callable[[], float],
        before: int,
    ) -> None:
        self._plan, self._meter, self._progress, self._clock = plan, meter, progress, clock
        self._total = plan.total_bytes
        self._before = before
        self._started = clock()

    def __call__(self, done: int) -> None:
        fresh = self._meter.bytes
        seconds = self._clock() - self._started
        at = min(self._before + fresh, self._total)
        self._progress(PullProgress(done, len(self._plan.lines), at, self._total, fresh, seconds))


@contextmanager
def _workers(count: int, meter: Meter) -> Iterator[ThreadPoolExecutor]:
    """A pool whose workers stop soon when the caller leaves early, for whatever reason."""
    with ThreadPoolExecutor(count, thread_name_prefix="pull") as pool:
        try:
            yield pool
        finally:
            meter.stop()


class _Shared:
    """One supply of lines, numbered, for many threads; a generator would refuse to be asked by two at once."""

    def __init__(self, lines: Iterable[PlanLine]) -> None:
        self._lines = enumerate(lines)
        self._lock = threading.Lock()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[int, PlanLine]:
        with self._lock:
            return next(self._lines)


def _drain(entries: "queue.SimpleQueue[Entry | None]") -> list[Entry | None]:
    """What is there, or after a while without anything, nothing."""
    batch: list[Entry | None] = []
    with suppress(queue.Empty):
        batch.append(entries.get(timeout=TICK_SECONDS))
        while True:
            batch.append(entries.get_nowait())
    return batch


def _raise_first(futures: Sequence["Future[None]"]) -> None:
    for future in futures:
        error = future.exception()
        if error:
            raise error
