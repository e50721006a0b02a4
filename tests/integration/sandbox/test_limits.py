"""What a sandbox may use, and that its neighbour does not notice."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox_kit import LIMITS, MIB, Place, place, sandbox, until
from tidegate.sandbox import Finished, alive, cgroups, describe, run
from tidegate.sandbox.rlimits import limited

MEMORY_BOMB = f"""
import sys
held = []
while True:
    held.append(bytearray({MIB}))
    held[-1][::4096] = b'x' * 256
"""
PIDS_BOMB = """
import os, time
made = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(30)
        made += 1
except OSError as error:
    print(made, error.errno, flush=True)
"""
SPIN = """
import os, time
made = [os.fork()]
while made[-1] and len(made) < 3: made.append(os.fork())
begun = time.monotonic()
while time.monotonic() - begun < 1.5: pass
used = os.times()
print(used.user + used.system, flush=True)
# The sandbox ends with its first process, and the others may have yet to print.
if made[-1]:
    for child in made: os.waitpid(child, 0)
"""
EAGAIN = "11"

# By whether a group holds the limit: what `doctor` says of it, and what then happens.
MEMORY_PROMISES = {
    True: ("held by a cgroup", ("memory", b"")),
    False: ("for each process only (no cgroup)", ("done", b"written\n")),
}
CPU_PROMISES = {True: ("held by a cgroup", 1.3), False: ("not held (no cgroup)", 4 * 1.6)}


@pytest.fixture
def where() -> Iterator[Place]:
    with place() as made:
        yield made


@pytest.fixture(params=["as found", "none"])
def groups(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control groups this machine has, and the same machine with none to be had."""
    if request.param == "none":
        monkeypatch.setattr(cgroups, "find", lambda: cgroups.Cgroups("none"))


def finish(where: Place, code: str, **limits: float) -> Finished:
    spec = where.python(code, limits=replace(LIMITS, **limits), pid_1=False)
    return run(spec, stdin=b"", timeout=60, max_output=10_000)


def test_a_memory_bomb_is_killed_and_its_neighbour_lives(where: Place) -> None:
    neighbour = where.python("import time\nwhile True: time.sleep(1)")
    with sandbox(neighbour, where.log) as beside:
        finished = finish(where, MEMORY_BOMB, memory_bytes=96 * MIB)
        assert finished.returncode != 0
        assert finished.reason == ("memory" if "memory" in cgroups.find().holds else "done")
        assert alive(beside)


def test_memory_within_the_limit_is_had(where: Place) -> None:
    code = f"held = bytearray({128 * MIB}); held[::4096] = b'x' * {128 * MIB // 4096}; print(len(held))"
    assert finish(where, code, memory_bytes=512 * MIB).stdout == f"{128 * MIB}\n".encode()


@pytest.mark.usefixtures("groups")
def test_files_in_tmp_count_as_memory(where: Place) -> None:
    """Else the folders in memory would be a way round the limit. Without a group only their size bounds them."""
    code = f"f = open('/tmp/big', 'wb')\nfor _ in range(256): f.write(bytes({MIB})); f.flush()\nprint('written')"
    wide = finish(where, code, memory_bytes=64 * MIB, tmp_bytes=512 * MIB)
    promised, outcome = MEMORY_PROMISES["memory" in cgroups.find().holds]
    assert describe()["limit memory"] == promised
    assert (wide.reason, wide.stdout) == outcome
    assert b"No space left" in finish(where, code, memory_bytes=512 * MIB, tmp_bytes=64 * MIB).stderr


def test_a_process_bomb_stops_at_the_limit(where: Place) -> None:
    made, error = finish(where, PIDS_BOMB, pids=24).stdout.decode().split()
    assert 10 < int(made) <= 24
    assert error == EAGAIN


@pytest.mark.usefixtures("groups")
def test_processor_time_is_bounded(where: Place) -> None:
    """Four processes spin for 1.5 s of wall time; half a processor gives them 0.75 s together, and some start-up."""
    used = [float(line) for line in finish(where, SPIN, cpus=0.5).stdout.split()]
    promised, most = CPU_PROMISES["cpu" in cgroups.find().holds]
    assert describe()["limit cpu"] == promised
    assert len(used) == 4
    assert sum(used) < most


def test_without_groups_the_limits_of_each_process_hold(where: Place) -> None:
    spec = where.python("bytearray(512 * 1024 * 1024)", limits=replace(LIMITS, memory_bytes=256 * MIB))
    finished = run(limited(spec, held=()), stdin=b"", timeout=30, max_output=10_000)
    assert b"MemoryError" in finished.stderr
    bomb = where.python(PIDS_BOMB, limits=replace(LIMITS, pids=24), pid_1=False)
    made, error = run(limited(bomb, held=("memory",)), stdin=b"", timeout=30, max_output=1000).stdout.decode().split()
    assert (int(made) <= 24, error) == (True, EAGAIN)


def test_the_launcher_survives_a_kernel_that_spends_all_memory(where: Place) -> None:
    code = f"""
import os, time
if os.fork() == 0:
    exec({MEMORY_BOMB!r})
print('ended', os.waitstatus_to_exitcode(os.wait()[1]) != 0, flush=True)
while True: time.sleep(1)
"""
    spec = where.python(code, limits=replace(LIMITS, memory_bytes=96 * MIB))
    with sandbox(spec, where.log) as running:
        until(lambda: "ended True" in where.log.read_text(), "the bomb's end", seconds=60)
        assert alive(running)
