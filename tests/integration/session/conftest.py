"""One real session server for the tests of a file, beside a recording intake; and one with a real kernel sandbox."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from session_kit import RecordingIntake, Server, kernel_sandbox, session_server


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Short, because a unix socket's path ends at 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="tg") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def intake() -> Iterator[RecordingIntake]:
    with RecordingIntake() as running:
        yield running


@pytest.fixture(scope="module")
def server(folder: Path, intake: RecordingIntake) -> Iterator[Server]:
    with session_server(folder, intake.url, cap=500_000_000) as running:
        yield running


@pytest.fixture(scope="module")
def workspace(server: Server) -> Iterator[Server]:
    """The server with a launcher in a sandbox on the other side of the sockets."""
    with kernel_sandbox(server.home.parent):
        yield server
