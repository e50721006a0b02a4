"""The trusted side against a launcher that is not one: whatever stands there, one clear error, nothing opened."""

import asyncio
import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_kit import Notebook, Place, place
from tidegate.model import TidegateError
from workspace.session import launcher_client
from workspace.session.provisioner import TidegateProvisioner


@pytest.fixture
def where() -> Iterator[Place]:
    with place() as made:
        yield made


def ask(where: Place, seconds: float = 1.0) -> dict[str, object]:
    return asyncio.run(launcher_client.ask(where.sockets, {"op": "poll", "id": "k1"}, seconds=seconds))


def refused(where: Place) -> TidegateError:
    begun = time.monotonic()
    with pytest.raises(TidegateError) as error:
        ask(where)
    assert time.monotonic() - begun < 5
    assert error.value.fix
    return error.value


@contextlib.contextmanager
def impostor(path: Path, reply: bytes, *, hold: bool = False) -> Iterator[list[bytes]]:
    """Listens like the launcher and answers what it is told to."""
    heard: list[bytes] = []
    done = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(10)

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    heard.append(connection.recv(65536))
                    connection.sendall(reply)
                    if hold:
                        done.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield heard
        finally:
            done.set()
            thread.join(10)


def test_no_launcher_at_all(where: Place) -> None:
    assert refused(where).code == "launcher_missing"


def test_a_fifo_in_its_place_is_neither_opened_nor_waited_for(where: Place) -> None:
    os.mkfifo(where.sockets / "launcher.sock")
    assert refused(where).code == "launcher_not_a_socket"


def test_a_regular_file_in_its_place_is_neither_read_nor_written(where: Place) -> None:
    (where.sockets / "launcher.sock").write_text('{"ok": true, "status": 3}\n')
    assert refused(where).code == "launcher_not_a_socket"
    assert (where.sockets / "launcher.sock").read_text() == '{"ok": true, "status": 3}\n'


def test_a_folder_in_its_place(where: Place) -> None:
    (where.sockets / "launcher.sock").mkdir()
    assert refused(where).code == "launcher_not_a_socket"


def test_a_link_to_a_socket_of_the_trusted_side_is_not_followed(where: Place) -> None:
    """Without the look, the request would go to whoever listens there."""
    with impostor(where.base / "trusted.sock", b'{"ok": true}\n') as heard:
        (where.sockets / "launcher.sock").symlink_to(where.base / "trusted.sock")
        assert refused(where).code == "launcher_not_a_socket"
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(where.sockets / "launcher.sock"))
            control.sendall(b"a plain connect follows the link")
            control.recv(100)
    assert heard == [b"a plain connect follows the link"]


def test_a_socket_nobody_listens_on(where: Place) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(where.sockets / "launcher.sock"))
    assert refused(where).code == "launcher_missing"


REPLIES = [
    (b"x" * 300_000, "launcher_bad_reply"),
    (b'{"ok": true, "status": "' + b"9" * 300_000 + b'"}\n', "launcher_bad_reply"),
    (b"\x00\xff\xfe\n", "launcher_bad_reply"),
    (b"", "launcher_bad_reply"),
    (b"[]\n", "launcher_bad_reply"),
    (b"[" * 60_000 + b"\n", "launcher_bad_reply"),
    (b'{"ok": "true"}\n', "launcher_bad_reply"),
    (b'{"ok": true, "status": 1e9}\n', "launcher_bad_reply"),
    (b'{"ok": true, "status": true}\n', "launcher_bad_reply"),
    (b'{"ok": true, "status": 99999}\n', "launcher_bad_reply"),
    (b'{"ok": false, "code": "<script>"}\n', "launcher_refused"),
    (b'{"ok": false, "code": {"a": 1}}\n', "launcher_refused"),
]


@pytest.mark.parametrize(("reply", "code"), REPLIES)
def test_a_reply_of_no_known_shape(where: Place, reply: bytes, code: str) -> None:
    with impostor(where.sockets / "launcher.sock", reply):
        error = refused(where)
    assert error.code == code
    assert "script" not in str(error), "its words are never shown"


@pytest.mark.parametrize("reply", [b"", b'{"ok": tr'])
def test_one_that_never_finishes_is_left(where: Place, reply: bytes) -> None:
    with impostor(where.sockets / "launcher.sock", reply, hold=True):
        assert refused(where).code == "launcher_silent"


def test_a_good_reply_is_cut_down_to_its_known_parts(where: Place) -> None:
    with impostor(where.sockets / "launcher.sock", b'{"ok": true, "status": null, "path": "/etc/passwd"}\n') as heard:
        assert ask(where) == {"status": None}
    assert json.loads(heard[0]) == {"op": "poll", "id": "k1"}


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ok", "status", "code", "x"]), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_reply_is_a_checked_answer_or_a_refusal(line: bytes) -> None:
    try:
        answer = launcher_client.read_reply(line)
    except TidegateError as error:
        outcome: str | None = error.code
    else:
        outcome = None if set(answer) == {"status"} and _can_be(answer["status"]) else "unchecked"
    assert outcome in {None, "launcher_bad_reply", "launcher_refused"}


def _can_be(status: object) -> bool:
    return status is None or (isinstance(status, int) and -64 <= status <= 255)


@pytest.mark.parametrize("attack", ["fifo", "garbage"])
def test_starting_a_kernel_says_what_is_wrong_and_the_server_goes_on(where: Place, attack: str) -> None:
    path = where.sockets / "launcher.sock"
    opened = Notebook(where)
    try:
        standing = impostor(path, b"garbage\n") if attack == "garbage" else contextlib.nullcontext(os.mkfifo(path))
        with standing, pytest.raises(TidegateError, match="kernel launcher"):
            opened.wait(opened.manager.start_kernel())
    finally:
        opened.close()


def test_a_kernel_whose_launcher_is_gone_has_ended(where: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_SOCKETS", str(where.sockets))
    provisioner = TidegateProvisioner()
    provisioner.name, provisioner.running = "k1", True
    assert asyncio.run(provisioner.poll()) == 1
    asyncio.run(provisioner.kill())
    assert asyncio.run(provisioner.wait()) == 1
    assert not provisioner.has_process


def test_paths_are_never_resolved_on_the_trusted_side() -> None:
    """The stock answer tells whether a file exists here."""
    assert TidegateProvisioner().resolve_path("/etc/passwd") is None


def test_the_servers_environment_and_command_are_thrown_away(where: Place) -> None:
    opened = Notebook(where)
    try:
        provisioner = TidegateProvisioner(parent=opened.manager)
        prepared = opened.wait(
            provisioner.pre_launch(env={"JUPYTERHUB_API_TOKEN": "hush"}, extra_arguments=["--evil"], cwd="/home")
        )
        assert prepared == {"cmd": [], "env": {}, "cwd": "/home"}
        with pytest.raises(TidegateError):
            opened.wait(provisioner.launch_kernel(["/bin/sh"]))
    finally:
        opened.close()


def test_a_socket_folder_with_too_long_a_name_is_said(where: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Notebook(where)
    monkeypatch.setenv("TIDEGATE_SOCKETS", "/tmp/" + "x" * 100)
    try:
        with pytest.raises(TidegateError) as error:
            opened.wait(TidegateProvisioner(parent=opened.manager).pre_launch())
        assert error.value.code == "socket_path_too_long"
    finally:
        opened.close()
