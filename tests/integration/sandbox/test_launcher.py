"""The launcher in its real sandbox, spoken to directly and attacked by what it runs."""

import contextlib
import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox_kit import Notebook, Place, launched, notebook, place, until
from tidegate.sandbox import Running, alive


@pytest.fixture
def where() -> Iterator[Place]:
    with place() as made:
        yield made


@pytest.fixture
def running(where: Place) -> Iterator[Running]:
    with launched(where) as started:
        yield started


def send(where: Place, line: bytes) -> bytes:
    """One connection, one line; what came back until the launcher closed it."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(15)
        connection.connect(str(where.sockets / "launcher.sock"))
        connection.sendall(line)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def ask(where: Place, **request: Any) -> dict[str, Any]:
    reply: dict[str, Any] = json.loads(send(where, json.dumps(request).encode() + b"\n"))
    return reply


KEY = "0123456789abcdef-fedcba"


def test_a_kernel_is_started_polled_and_stopped(where: Place, running: Running) -> None:
    assert ask(where, op="start", id="k1", kernel="python3", key=KEY)["ok"]
    assert ask(where, op="poll", id="k1") == {"ok": True, "status": None}
    until((where.sockets / "k1-5").exists, "the kernel's sockets")
    assert ask(where, op="stop", id="k1") == {"ok": True}
    until(lambda: ask(where, op="poll", id="k1")["status"] == -9, "its end")
    assert alive(running)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"op": "start", "id": "k1", "kernel": "bash", "key": KEY}, "unknown_kernel"),
        ({"op": "start", "id": "../k1", "kernel": "python3", "key": KEY}, "bad_id"),
        ({"op": "start", "id": "k" * 40, "kernel": "python3", "key": KEY}, "bad_id"),
        ({"op": "start", "id": ["k1"], "kernel": "python3", "key": KEY}, "bad_id"),
        ({"op": "start", "id": "k1", "kernel": "python3", "key": "no key\n"}, "bad_key"),
        ({"op": "start", "id": "k1", "kernel": "python3"}, "bad_key"),
        ({"op": "poll", "id": "k9"}, "no_such_kernel"),
        ({"op": "signal", "id": "k9", "signal": "INT"}, "no_such_kernel"),
        ({"op": "exec", "argv": ["/bin/sh"]}, "bad_request"),
        ({}, "bad_request"),
        (["start"], "bad_request"),
        ("start", "bad_request"),
    ],
)
def test_anything_else_is_refused_by_name(where: Place, running: Running, request_: Any, code: str) -> None:
    assert json.loads(send(where, json.dumps(request_).encode() + b"\n")) == {"ok": False, "code": code}
    assert alive(running)


def test_an_unlisted_signal_is_refused(where: Place, running: Running) -> None:
    ask(where, op="start", id="k1", kernel="python3", key=KEY)
    assert ask(where, op="signal", id="k1", signal="STOP") == {"ok": False, "code": "unknown_signal"}
    assert alive(running)


@pytest.mark.parametrize("line", [b"\xff\xfe\n", b"{" * 4000 + b"\n", b"[" * 4000 + b"\n", b"\n", b"null\n"])
def test_garbage_is_refused(where: Place, running: Running, line: bytes) -> None:
    assert json.loads(send(where, line)) == {"ok": False, "code": "bad_request"}
    assert alive(running)


def test_a_line_without_end_is_dropped(where: Place, running: Running) -> None:
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # it may close while we are still sending
        assert send(where, b"x" * 200_000) == b""
    assert alive(running)


def test_callers_who_say_nothing_do_not_hold_up_others(where: Place, running: Running) -> None:
    silent = [socket.socket(socket.AF_UNIX) for _ in range(60)]
    try:
        for connection in silent:
            connection.connect(str(where.sockets / "launcher.sock"))
        assert ask(where, op="poll", id="k1") == {"ok": False, "code": "no_such_kernel"}
    finally:
        for connection in silent:
            connection.close()
    assert alive(running)


def test_too_many_kernels_are_refused(where: Place, running: Running) -> None:
    from workspace.launcher.kernels import MOST_KERNELS  # noqa: PLC0415  # beside its one use

    replies = [ask(where, op="start", id=f"k{n}", kernel="python3", key=KEY) for n in range(MOST_KERNELS + 1)]
    for n in range(MOST_KERNELS):
        ask(where, op="stop", id=f"k{n}")
    assert [reply["ok"] for reply in replies] == [True] * MOST_KERNELS + [False]
    assert replies[-1]["code"] == "too_many_kernels"
    assert alive(running)


def test_what_is_in_the_socket_folder_holds_no_key(where: Place, running: Running) -> None:
    """The folder is seen from both sides; connection files are not in it."""
    ask(where, op="start", id="k1", kernel="python3", key=KEY)
    until((where.sockets / "k1-5").exists, "the kernel's sockets")
    kinds = {path.name: stat.S_ISSOCK(path.lstat().st_mode) for path in where.sockets.iterdir()}
    assert all(kinds.values()), kinds
    modes = {path.lstat().st_mode & 0o777 for path in where.sockets.iterdir()}
    assert modes == {0o770}, "the project's group may connect, others not"
    assert alive(running)


def test_it_takes_the_place_of_whatever_was_left_there(where: Place) -> None:
    (where.sockets / "launcher.sock").mkdir()
    (where.sockets / "launcher.sock" / "full").touch()
    for path in (where.sockets / "launcher.sock", where.sockets / "launcher.sock" / "full"):
        if os.geteuid() == 0:
            os.chown(path, 21001, 22001)
    with launched(where):
        until((where.sockets / "launcher.sock").is_socket, "the socket")
        assert ask(where, op="poll", id="k1")["code"] == "no_such_kernel"


def test_asked_to_end_it_ends_with_all_kernels(where: Place) -> None:
    with launched(where) as running:
        ask(where, op="start", id="k1", kernel="python3", key=KEY)
        until((where.sockets / "k1-5").exists, "the kernel's sockets")
        os.kill(running.child_pid, 15)
        until(lambda: not alive(running), "its end", seconds=5)


PLANTED = "open('/home/researcher/ran-before-the-lock', 'w')\n"


@pytest.mark.parametrize(
    "path",
    [
        ".local/lib/python3.11/site-packages/usercustomize.py",
        ".local/lib/python3.11/site-packages/sitecustomize.py",
        "argparse.py",
        "pyseccomp.py",
        "sitecustomize.py",
        "launcher/__init__.py",
    ],
)
def test_code_planted_in_home_does_not_run_in_the_launcher(where: Place, path: str) -> None:
    """Run before the filter is loaded, it would be free of lock 1."""
    planted = where.home / path
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(PLANTED)
    with launched(where, cwd="/home/researcher", env={"HOME": "/home/researcher"}):
        pass
    assert not (where.home / "ran-before-the-lock").exists()


@pytest.fixture
def kernel(where: Place, running: Running) -> Iterator[Notebook]:  # noqa: ARG001  # it must run first
    with notebook(where) as opened:
        yield opened


LEAVES_DAEMONS = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(300)
        os._exit(0)
"""


def test_what_kernels_leave_behind_ends_with_the_last_kernel(where: Place, running: Running, kernel: Notebook) -> None:
    with notebook(where) as other:
        other.cell(LEAVES_DAEMONS)
    status = (
        "print([open(f'/proc/{p}/stat').read().split()[2] for p in __import__('os').listdir('/proc') if p.isdigit()])"
    )
    assert "Z" not in kernel.cell(status).text, "process 1 collects what ends"
    kernel.wait(kernel.manager.shutdown_kernel(now=True))
    children = Path(f"/proc/{running.child_pid}/task/{running.child_pid}/children")
    until(lambda: children.read_text().strip() == "", "the daemons' end")


def test_a_kernel_cannot_end_the_launcher_or_grow_its_log(where: Place, running: Running, kernel: Notebook) -> None:
    tries = """
import os, signal
told = []
for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGINT):
    os.kill(1, number)
for path in ('/proc/1/fd/1', '/proc/1/fd/2', '/proc/1/mem', '/proc/1/environ'):
    try: open(path, 'a'); told.append(path)
    except OSError: pass
print(told)
"""
    assert kernel.cell(tries).text == "[]"
    assert alive(running)
    assert ask(where, op="poll", id="k9")["code"] == "no_such_kernel"
    kernel.cell("import sys; print(len('x' * 1_000_000), file=sys.__stderr__); sys.__stderr__.write('y' * 1_000_000)")
    assert where.log.stat().st_size < 10_000
