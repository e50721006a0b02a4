"""Everything is killed at ten random moments of the walk and started again: it finishes, and nothing was lost.

The seed is printed; TIDEGATE_KILL_SEED repeats a run.
"""

import hashlib
import os
import random
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

import killing_kit
import site_kit
from egress_review.domain.status import Status
from tidegate.demo.browser import Person
from tidegate.demo.review import Review
from tidegate.demo.stage import password_of
from tidegate.embedded.state import prepare_state
from tidegate.objects import FolderObjects
from workspace.hub.servers import ServerFiles

KILLS = 10
WALK_SECONDS = 240
# How long each step of the walk takes on a quiet machine; step 0 is the start, before the first step.
STEPS = (6.0, 0.4, 0.6, 0.7, 2.0, 4.0, 1.0, 2.5, 6.0, 2.5, 1.6, 0.2, 0.4)
STEP = re.compile(r"^\[ ?(\d+)\]", re.MULTILINE)
TABLES = {
    "tidegate.db": {
        "resources": ("kind", "name", "body"),
        "accounts": ("subject", "body"),
        "host_ids": ("owner", "host_id"),
        "ledger": ("chain", "seq", "digest"),
    },
    "egress.sqlite": {
        "egress_requestrow": ("id", "project", "author_subject"),
        "egress_filerow": ("request_id", "name", "sha256"),
        "egress_voterow": ("review_id", "file", "digest"),
        "ledger": ("chain", "seq", "digest"),
    },
}


@dataclass(frozen=True)
class Moment:
    """When to kill: so long after a step began."""

    step: int
    delay: float


@dataclass
class Kept:
    """What stood at some moment and must stand for ever: rows, stored bytes and the folders of the people."""

    rows: set[tuple[Any, ...]] = field(default_factory=set)
    objects: set[tuple[str, str]] = field(default_factory=set)
    homes: set[str] = field(default_factory=set)

    def missing_from(self, later: "Kept") -> list[str]:
        pairs = ((self.rows, later.rows), (self.objects, later.objects), (self.homes, later.homes))
        return [str(thing)[:200] for before, after in pairs for thing in sorted(before - after, key=str)]  # type: ignore[operator]


@dataclass
class Run:
    """One start of the demo, and what it says."""

    process: "subprocess.Popen[bytes]"
    said: Path

    @property
    def text(self) -> str:
        return self.said.read_text(errors="replace")

    @property
    def step(self) -> int:
        return max((int(number) for number in STEP.findall(self.text)), default=0)


@pytest.fixture
def before() -> Iterator[frozenset[psutil.Process]]:
    """Whatever a test leaves running is ended, however it goes."""
    with killing_kit.adopting() as before:
        try:
            yield before
        finally:
            killing_kit.kill_everything(before)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_killed_at_ten_moments_the_walk_finishes_and_nothing_is_lost(
    tmp_path: Path, before: frozenset[psutil.Process]
) -> None:
    seed = int(os.environ.get("TIDEGATE_KILL_SEED", random.SystemRandom().randrange(2**32)))
    _say(f"TIDEGATE_KILL_SEED={seed}")
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    state, port = tmp_path / "state", _free_ports(rng)
    prepare_state(state)
    kept, cgroups = Kept(), set[str]()
    for number, moment in enumerate(_moments(rng), 1):
        killed = _killed_once(state, port, moment, before)
        cgroups |= {folder for server in _sandboxes(state) for folder in server.cgroups}
        now = kept_in(state)
        assert kept.missing_from(now) == [], f"lost by kill {number} at {moment}"
        kept = now
        _say(f"kill {number:2} at {moment}: {killed} processes; {len(now.rows)} rows, {len(now.objects)} objects kept")
    _finished(state, port, before)
    assert kept.missing_from(kept_in(state)) == []
    assert [folder for folder in cgroups if Path(folder).exists()] == []
    _all_released_can_be_fetched(state, before)


def _moments(rng: random.Random) -> list[Moment]:
    """In the order of the walk, so that each kill meets its step for the first time."""
    steps = sorted(rng.sample(range(len(STEPS)), KILLS))
    return [Moment(step, round(rng.uniform(0, STEPS[step]), 2)) for step in steps]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _killed_once(state: Path, port: int, moment: Moment, before: frozenset[psutil.Process]) -> int:
    """Start, wait for the moment, kill: how many. A walk that got to its end first is walked again, killed sooner."""
    delay = moment.delay
    while True:
        run = _start(state, port)
        began = time.monotonic()
        while run.step < moment.step and run.process.poll() is None:
            assert time.monotonic() - began < WALK_SECONDS, run.text
            time.sleep(0.01)
        time.sleep(delay)
        if run.process.poll() is None:
            killed = killing_kit.kill_everything(before)
            run.process.wait()
            return len(killed)
        assert run.process.returncode == 0, run.text
        assert killing_kit.wait_until_alone(before, 5) == []
        delay /= 2


def _finished(state: Path, port: int, before: frozenset[psutil.Process]) -> None:
    """The walk goes to its end, says that the ledger holds, and leaves no process."""
    run = _start(state, port)
    code = run.process.wait(WALK_SECONDS)
    assert killing_kit.wait_until_alone(before, 5) == []
    assert code == 0, run.text
    assert "Every step held" in run.text
    command = [sys.executable, "-m", "tidegate.cli.main", "ledger", "verify", "--state", str(state)]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert list(ServerFiles(state / "run" / "servers").all()) == []


def _start(state: Path, port: int) -> Run:
    said = state / "logs" / f"walk-{time.monotonic_ns()}.log"
    command = [sys.executable, "-m", "tidegate.cli.main", "demo", "--state", str(state), "--port", str(port), "--exit"]
    with said.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    return Run(process, said)


def kept_in(state: Path) -> Kept:
    """Read while nothing runs; opening the databases rolls back what was half-written, as a start does."""
    rows = {(file, table, *row) for file, tables in TABLES.items() for table, row in _rows(state / file, tables)}
    objects = {(store, sha) for store in ("quarantine", "released", "vault") for sha in _objects(state / store)}
    recorded = {row[-1] for row in rows if row[1] == "egress_filerow"}
    assert recorded <= {sha for store, sha in objects if store == "quarantine"}, "a recorded file has no bytes"
    homes = {str(path.relative_to(state)) for path in (state / "homes").glob("*/*/*.*") if path.is_file()}
    return Kept(rows, objects, homes)


def _rows(file: Path, tables: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    if not file.exists():
        return
    db = sqlite3.connect(file)
    try:
        there = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        for table in tables.keys() & there:
            for row in db.execute(f"SELECT {', '.join(tables[table])} FROM {table}"):  # noqa: S608 - names of this file
                yield table, row
    finally:
        db.close()


def _objects(folder: Path) -> Iterator[str]:
    """The names of what is stored, each proved to be its own hash."""
    for path in folder.glob("??/*"):
        with path.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == path.name, f"{path} holds other bytes"
        yield path.name


def _sandboxes(state: Path) -> Iterator[Any]:
    for server in ServerFiles(state / "run" / "servers").all():
        yield from (running for running in (server.kernel, server.session) if running is not None)


def _all_released_can_be_fetched(state: Path, before: frozenset[psutil.Process]) -> None:
    """Every release that was ever made, the ones of killed walks as well, by its author."""
    port = site_kit.four_free_ports()
    with site_kit.running(state, port), Person("rosa") as rosa:
        site = f"tidegate.localhost:{port}"
        rosa.log_in(f"http://{site}/hub/login", password_of("rosa"))
        review = Review(f"http://review.{site}")
        links = rosa.open(f"{review.url}/").links("/r/")
        released = [link for link in links if review.status(rosa, link) is Status.RELEASED]
        assert released
        for link in released:
            content = review.download(rosa, link)["table.csv"]
            sha256 = hashlib.sha256(content).hexdigest()
            assert sha256 in review.hashes(rosa, link)
            assert FolderObjects(state / "released").verify(sha256)
    assert killing_kit.wait_until_alone(before, 5) == []


def _free_ports(rng: random.Random) -> int:
    """Below those that the system gives out by itself: they must still be free at the next start."""
    while True:
        port = rng.randrange(12_000, 30_000)
        if all(_is_free(port + offset) for offset in (0, 1, 2, 3, 104)):
            return port


def _is_free(port: int) -> bool:
    return all(connection.laddr.port != port for connection in psutil.net_connections("tcp") if connection.laddr)
