"""Short runs in real sandboxes: what they see, what bounds them, how they end."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox_kit import LIMITS, MIB, ROOT, Place, place
from tidegate.model import TidegateError
from tidegate.sandbox import Bind, Finished, check_possible, describe, run


@pytest.fixture
def where() -> Iterator[Place]:
    with place() as made:
        yield made


def finish(where: Place, code: str, *, stdin: bytes = b"", timeout: float = 30, **changes: object) -> Finished:
    return run(where.python(code, **changes), stdin=stdin, timeout=timeout, max_output=100_000)


def test_this_machine_can_hold_a_sandbox() -> None:
    check_possible()
    facts = describe()
    assert facts["sandbox"] == "works"
    assert set(facts) >= {"cgroups", "limit memory", "limit cpu", "limit pids", "seccomp", "bubblewrap", "user"}


def test_stdin_stdout_stderr_and_status_pass_through(where: Place) -> None:
    code = "import sys; d = sys.stdin.read(); print(len(d)); print('oops', file=sys.stderr); sys.exit(7)"
    finished = finish(where, code, stdin=b"x" * 300_000)
    assert finished == Finished(7, b"300000\n", b"oops\n", "done")


def test_a_program_that_reads_nothing_is_no_error(where: Place) -> None:
    assert finish(where, "print('done')", stdin=b"x" * 300_000).reason == "done"


def test_it_sees_only_what_it_is_shown(where: Place) -> None:
    code = "import json, os; print(json.dumps([sorted(os.listdir(f)) for f in ('/', '/home', '/etc')]))"
    root, home, etc = json.loads(finish(where, code).stdout)
    assert {"root", "srv", "var", "work", "mnt", "sys"}.isdisjoint(root)
    assert home == ["researcher"]
    assert set(etc) <= {
        "alternatives",
        "fonts",
        "group",
        "hosts",
        "ld.so.cache",
        "localtime",
        "nsswitch.conf",
        "passwd",
    }


def test_its_environment_is_the_one_given_and_nothing_of_ours(where: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_LEAK", "ours")
    finished = finish(where, "import os; print(dict(os.environ))", env={"GIVEN": "yes"})
    assert b"'GIVEN': 'yes'" in finished.stdout
    assert b"TIDEGATE_LEAK" not in finished.stdout


def test_it_has_no_capability_no_new_privilege_and_one_user(where: Place) -> None:
    status = finish(where, "print(open('/proc/self/status').read())").stdout.decode()
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {facts[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {"0" * 16}
    assert facts["NoNewPrivs"] == "1"
    assert facts["Uid"].split() == ["1000"] * 4


@pytest.mark.parametrize("target", ["/cohort", "/usr", "/opt/tidegate/probes.py", "/etc/passwd"])
def test_what_is_shown_to_read_is_mounted_read_only_without_devices_or_privileges(where: Place, target: str) -> None:
    mounts = finish(where, "print(open('/proc/self/mounts').read())").stdout.decode().splitlines()
    flags = next(line.split()[3].split(",") for line in mounts if line.split()[1] == target)
    assert {"ro", "nosuid", "nodev"} <= set(flags)


@pytest.mark.parametrize("folder", ["/", "/dev", "/etc", "/run", "/home", "/cohort", "/usr", "/proc/sys/kernel"])
def test_nothing_can_be_written_but_home_shared_sockets_and_tmp(where: Place, folder: str) -> None:
    finished = finish(where, f"open('{folder}/probe', 'w')")
    assert finished.returncode == 1
    assert b"Error" in finished.stderr


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_memory_backed_folders_are_bounded(where: Place, folder: str) -> None:
    code = f"f = open('{folder}/big', 'wb')\nfor _ in range(64): f.write(bytes({MIB})); f.flush()"
    finished = finish(where, code, limits=replace(LIMITS, tmp_bytes=8 * MIB))
    assert b"No space left on device" in finished.stderr
    small = finish(where, f"open('{folder}/small', 'wb').write(bytes({MIB})); print('fits')")
    assert small.stdout == b"fits\n"


def test_home_and_shared_are_written_as_the_workspace_user(where: Place) -> None:
    finished = finish(where, "open('/home/researcher/a','w'); open('/home/researcher/shared/b','w')")
    assert finished.returncode == 0
    for made in (where.home / "a", where.shared / "b"):
        stat = made.stat()
        assert stat.st_uid == (21001 if ROOT else os.geteuid())
        assert stat.st_mode & 0o777 == 0o660, "the project's group may read and write, others nothing"


def test_a_source_below_a_folder_only_root_may_enter_is_shown(where: Place) -> None:
    hidden = where.base / "locked"
    (hidden / "inner").mkdir(parents=True)
    (hidden / "inner" / "file").write_text("reached")
    (hidden / "inner").chmod(0o755)
    hidden.chmod(0o700)
    spec = where.python("print(open('/cohort2/file').read())")
    spec = replace(spec, binds=(*spec.binds, Bind(hidden / "inner", "/cohort2")))
    assert run(spec, stdin=b"", timeout=30, max_output=1000).stdout == b"reached\n"


def test_time_is_up(where: Place) -> None:
    begun = time.monotonic()
    finished = finish(where, "print('begun', flush=True); import time; time.sleep(60)", timeout=1)
    assert (finished.reason, finished.stdout) == ("timeout", b"begun\n")
    assert time.monotonic() - begun < 10


def test_time_is_up_for_one_that_closed_its_outputs(where: Place) -> None:
    finished = finish(where, "import os, time; os.close(0); os.close(1); os.close(2); time.sleep(60)", timeout=1)
    assert finished.reason == "timeout"


def test_output_is_cut_at_the_limit(where: Place) -> None:
    spec = where.python("while True: print('x' * 1000)")
    finished = run(spec, stdin=b"", timeout=30, max_output=5000)
    assert finished.reason == "output_limit"
    assert len(finished.stdout) == 5000


LEAVES_A_CHILD = """
import os, time
if os.fork() == 0:
    os.setsid()
    while True:
        open('/home/researcher/alive', 'w').write(str(time.time()))
        time.sleep(0.05)
time.sleep(0.5)
"""


def test_children_left_running_end_with_the_run(where: Place) -> None:
    mark = where.home / "alive"
    finish(where, LEAVES_A_CHILD)
    last = mark.read_text()
    time.sleep(0.3)  # six times the child's pace
    assert mark.read_text() == last


def test_a_missing_program_is_told_by_its_status(where: Place) -> None:
    finished = run(where.spec("/usr/bin/no-such-program"), stdin=b"", timeout=30, max_output=1000)
    assert finished.returncode != 0
    assert b"no-such-program" in finished.stderr


def test_root_is_never_the_user_of_a_sandbox(where: Place) -> None:
    """Without another number, user 1000 inside would be the machine's root."""
    if ROOT:
        for numbers in ({"uid": None, "gid": None}, {"uid": 0, "gid": 0}, {"uid": 21001, "gid": 0}):
            with pytest.raises(TidegateError) as refused:
                finish(where, "pass", **numbers)
            assert refused.value.code == "sandbox_as_root"
    else:
        with pytest.raises(TidegateError) as refused:
            finish(where, "pass", uid=0)
        assert refused.value.code == "sandbox_other_user"


def test_a_missing_source_is_named(where: Place) -> None:
    spec = replace(where.python("pass"), binds=(Bind(where.base / "nothing", "/cohort"),))
    with pytest.raises(TidegateError, match="nothing") as refused:
        run(spec, stdin=b"", timeout=30, max_output=1000)
    assert refused.value.code == "sandbox_source_missing"


@pytest.mark.parametrize("aim", ["/etc", "../cohort", "../../oldroot"])
def test_a_link_planted_where_a_folder_is_to_be_shown_is_refused(where: Place, aim: str) -> None:
    (where.home / "shared").symlink_to(aim)
    with pytest.raises(TidegateError) as refused:
        finish(where, "pass")
    assert refused.value.code == "sandbox_target_is_link"


def test_nothing_secret_is_in_any_command_line(where: Place) -> None:
    """Everyone on the machine may read command lines; neither environment values nor folders are in them."""
    spec = where.python("print('up', flush=True); import time; time.sleep(60)", env={"TOKEN": "hush-4711"})
    seen: set[bytes] = set()
    with subprocess.Popen(["/usr/bin/sleep", "60.0815"]) as control, ThreadPoolExecutor(1) as pool:
        job = pool.submit(run, spec, stdin=b"", timeout=1, max_output=1000)
        while not job.done():
            seen |= _all_command_lines()
        control.kill()
    assert job.result().stdout == b"up\n"
    text = b"".join(seen)
    assert b"60.0815" in text, "the look does see command lines"
    assert b"hush-4711" not in text
    assert str(where.cohort).encode() not in text


def _all_command_lines() -> set[bytes]:
    lines = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                lines.add((folder / "cmdline").read_bytes())
            except OSError:
                continue
    return lines


def test_no_bwrap_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_a, **_k: None)
    with pytest.raises(TidegateError, match="bubblewrap") as refused:
        check_possible()
    assert refused.value.code == "sandbox_impossible"
