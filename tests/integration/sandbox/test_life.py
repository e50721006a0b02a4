"""Sandboxes that outlive their starter: found again, ended exactly, nothing left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox_kit import REPOSITORY, Place, place, sandbox, until
from tidegate.model import TidegateError
from tidegate.sandbox import Running, SandboxSpec, alive, cgroups, describe, processes, start, stop

SLEEPER = "import time\nwhile True: time.sleep(1)"
POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print('asked', flush=True), sys.exit(0)))
print('up', flush=True)
while True: time.sleep(1)
"""
FAMILY = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        break
print('up', flush=True)
while True: time.sleep(1)
"""


@pytest.fixture
def where() -> Iterator[Place]:
    with place() as made:
        yield made


@pytest.fixture(params=["as found", "none"])
def groups(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control groups this machine has, and the same machine with none to be had."""
    if request.param == "none":
        monkeypatch.setattr(cgroups, "find", lambda: cgroups.Cgroups("none"))


def sleeper(where: Place, code: str = SLEEPER) -> SandboxSpec:
    return where.python(code)


def namespace_of(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/pid").readlink())


def processes_in(namespace: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = processes.read_stat(int(folder.name))
                if stat is not None and stat.state not in "ZX" and namespace_of(int(folder.name)) == namespace:
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def test_started_it_runs_and_stopped_it_does_not(where: Place) -> None:
    with sandbox(sleeper(where), where.log) as running:
        assert alive(running)
    assert not alive(running)


def test_stopping_twice_is_no_error(where: Place) -> None:
    running = start(sleeper(where), log=where.log)
    stop(running, grace=0)
    stop(running, grace=0)


def test_it_is_asked_before_it_is_made_to(where: Place) -> None:
    with sandbox(sleeper(where, POLITE), where.log, grace=10.0):
        until(lambda: "up" in where.log.read_text(), "the program")
    assert "asked" in where.log.read_text()


def test_all_its_processes_end_with_it(where: Place) -> None:
    with sandbox(sleeper(where, FAMILY), where.log) as running:
        until(lambda: where.log.read_text().count("up") == 4, "the family")
        namespace = namespace_of(running.child_pid)
        assert len(processes_in(namespace)) == 4
    assert processes_in(namespace) == []


def test_its_control_groups_go_with_it(where: Place) -> None:
    with sandbox(sleeper(where), where.log) as running:
        assert all(Path(folder).is_dir() for folder in running.cgroups)
        assert all(running.child_pid in cgroups.members(folder) for folder in running.cgroups)
    assert not any(Path(folder).exists() for folder in running.cgroups)


def test_stopped_though_bubblewrap_was_killed_before(where: Place) -> None:
    """Killing only bubblewrap leaves the sandbox running; ending what is on record does not."""
    running = start(sleeper(where), log=where.log)
    namespace = namespace_of(running.child_pid)
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: not processes.is_alive(running.pid, running.started), "bubblewrap's end")
    assert alive(running), "the sandbox does not hang on bubblewrap"
    stop(running, grace=0)
    assert processes_in(namespace) == []


def test_it_outlives_its_starter_and_is_found_again(where: Place) -> None:
    code = (
        "import os, sys; from pathlib import Path; from sandbox_kit import Place; from tidegate.sandbox import start;"
        "where = Place(Path(sys.argv[1]));"
        f"print(start(where.python({SLEEPER!r}), log=where.log).to_json(), flush=True); os.kill(os.getpid(), 9)"
    )
    env = {**os.environ, "PYTHONPATH": f"{REPOSITORY}/services:{REPOSITORY}/tests"}
    done = subprocess.run([sys.executable, "-c", code, str(where.base)], env=env, stdout=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGKILL
    running = Running.from_json(done.stdout.decode())
    assert alive(running)
    stop(running, grace=0)
    assert not alive(running)


@pytest.mark.usefixtures("groups")
def test_one_left_unrecorded_is_ended_by_the_next_start(where: Place) -> None:
    """A starter killed before it could write its record down leaves a sandbox that only its groups still name.

    On a machine that `doctor` says has none, nothing names it and it goes on: that is what is asserted there.
    """
    nameless = describe()["cgroups"] == "none"
    forgotten = start(sleeper(where), log=where.log)
    try:
        with sandbox(sleeper(where), where.log) as running:
            assert alive(running)
            assert alive(forgotten) is nameless
    finally:
        stop(forgotten, grace=0)


def test_another_process_of_the_same_number_is_left_alone(where: Place) -> None:
    with subprocess.Popen(["/usr/bin/sleep", "60"]) as other, sandbox(sleeper(where), where.log) as running:
        mistaken = replace(running, child_pid=other.pid, pid=other.pid, cgroups=())
        assert not alive(mistaken)
        stop(mistaken, grace=0)
        assert other.poll() is None
        assert alive(running)
        other.kill()


def test_a_record_of_an_earlier_boot_means_nothing(where: Place) -> None:
    with sandbox(sleeper(where), where.log) as running:
        old = replace(running, boot="an earlier one", cgroups=())
        assert not alive(old)
        stop(old, grace=0)
        assert alive(running)


def test_a_program_that_ends_by_itself_is_not_alive(where: Place) -> None:
    with sandbox(where.python("print('bye')"), where.log) as running:
        until(lambda: not alive(running), "its end")


def test_no_process_of_ours_waits_to_be_collected(where: Place) -> None:
    with sandbox(sleeper(where), where.log) as running:
        assert processes.read_stat(running.pid) is not None
        with pytest.raises(ChildProcessError):
            os.waitpid(running.pid, os.WNOHANG)


def test_bubblewraps_reason_is_told_and_nothing_stays(where: Place) -> None:
    with pytest.raises(TidegateError, match="no-such-folder") as refused:
        start(where.python("pass", cwd="/no-such-folder"), log=where.log)
    assert refused.value.code == "sandbox_failed"
    parents = cgroups.find().parents.values()
    assert not any(path.name.startswith(where.base.name) for parent in parents for path in parent.iterdir())
