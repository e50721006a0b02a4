"""A socket looked at once is the one connected to ever after, whatever a kernel puts under its name."""

import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import zmq

from workspace.session.kernel_sockets import NOWHERE, KernelSockets, NotASocketError

NUMBERS = (1, 2, 3, 4, 5)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, because a unix socket's path ends at 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="tg") as name:
        yield Path(name)


@dataclass
class Ends:
    """ZeroMQ sockets of a test, closed at its end."""

    context: zmq.Context[zmq.Socket[bytes]] = field(default_factory=zmq.Context)
    opened: list[zmq.Socket[bytes]] = field(default_factory=list)

    def listen(self, path: Path) -> zmq.Socket[bytes]:
        self.opened.append(self.context.socket(zmq.PULL))
        self.opened[-1].bind(f"ipc://{path}")
        return self.opened[-1]

    def say(self, address: str) -> zmq.Socket[bytes]:
        self.opened.append(self.context.socket(zmq.PUSH))
        self.opened[-1].connect(address)
        self.opened[-1].send(b"signed")
        return self.opened[-1]


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.context.destroy(linger=0)


def paths(folder: Path) -> dict[int, Path]:
    return {number: folder / f"k1-{number}" for number in NUMBERS}


def handles() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def heard(listener: zmq.Socket[bytes], milliseconds: int) -> bool:
    return bool(listener.poll(milliseconds))


def test_nothing_is_held_until_all_five_are_there(folder: Path, ends: Ends) -> None:
    sockets = KernelSockets()
    for path in list(paths(folder).values())[:4]:
        ends.listen(path)
    assert not sockets.take(paths(folder))
    assert sockets.address(1) == NOWHERE
    ends.listen(paths(folder)[5])
    assert sockets.take(paths(folder))
    assert sockets.address(1) != NOWHERE
    sockets.close()
    assert sockets.address(1) == NOWHERE


def a_link(path: Path) -> None:
    path.symlink_to("/dev/null")


def a_link_to_a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(f"{path}-other")
    path.symlink_to(f"{path}-other")


def a_device_like(path: Path) -> None:
    os.mkfifo(path)


def a_file(path: Path) -> None:
    path.write_text("x")


@pytest.mark.parametrize("plant", [a_link, a_link_to_a_socket, a_device_like, a_file, Path.mkdir])
def test_what_is_no_socket_is_refused_and_no_handle_stays_open(plant: object, folder: Path, ends: Ends) -> None:
    for path in list(paths(folder).values())[:4]:
        ends.listen(path)
    assert callable(plant)
    plant(paths(folder)[5])
    before = handles()
    with pytest.raises(NotASocketError):
        KernelSockets().take(paths(folder))
    assert handles() == before


def test_a_link_put_there_later_is_not_followed(folder: Path, ends: Ends) -> None:
    """By its name ZeroMQ reaches whatever the link leads to; by the handle it does not."""
    sockets = KernelSockets()
    own = [ends.listen(path) for path in paths(folder).values()]
    assert sockets.take(paths(folder))
    trusted = ends.listen(folder / "trusted")
    paths(folder)[1].unlink()
    paths(folder)[1].symlink_to(folder / "trusted")
    ends.say(sockets.address(1))
    assert heard(own[0], 5_000)
    assert not heard(trusted, 0)
    ends.say(f"ipc://{paths(folder)[1]}")
    assert heard(trusted, 5_000)
    sockets.close()


def test_a_restarted_kernels_sockets_are_reached_by_the_same_address(folder: Path, ends: Ends) -> None:
    """ZeroMQ connects again by itself, to the address it was given first."""
    sockets = KernelSockets()
    own = [ends.listen(path) for path in paths(folder).values()]
    assert sockets.take(paths(folder))
    address = sockets.address(1)
    talker = ends.say(address)
    assert heard(own[0], 5_000)
    for listener, path in zip(own, paths(folder).values(), strict=True):
        listener.close()
        path.unlink(missing_ok=True)
    again = [ends.listen(path) for path in paths(folder).values()]
    assert sockets.take(paths(folder))
    assert sockets.address(1) == address
    for _ in range(100):  # what was sent before ZeroMQ saw the end of the old kernel went with it
        talker.send(b"once more")
        if heard(again[0], 100):
            break
    assert heard(again[0], 0)
    sockets.close()
