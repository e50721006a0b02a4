"""A whole Tidegate on free ports with the demo's people and objects, started as an operator would; end to end."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from job_kit import PROJECT
from tidegate.demo.stage import make_accounts, sample_xnat, write_objects
from tidegate.embedded.state import prepare_state
from tidegate.model import ProjectPhase, ProjectStatus
from tidegate.store import SqliteStore

OBJECTS = ("licence-cc-by-3.0", "dataset-cbis-ddsm", "project")
START_SECONDS = 90
READY_SECONDS = 180
END_SECONDS = 60


@dataclass(frozen=True)
class Site:
    """A running Tidegate. Addresses without a slash at the end."""

    state: Path
    port: int
    objects: Path
    process: "subprocess.Popen[str]"
    project: str = PROJECT

    @property
    def hub(self) -> str:
        return f"http://tidegate.localhost:{self.port}"

    @property
    def review(self) -> str:
        return f"http://review.tidegate.localhost:{self.port}"

    def status(self) -> ProjectStatus:
        return SqliteStore(self.state / "tidegate.db", "governance").project_status(PROJECT)

    def cli(self, *arguments: str, officer: bool = False) -> "subprocess.CompletedProcess[str]":
        """The command line on this site's state folder."""
        who = ["--as", "gwen", "--password-file", str(self.state / "secrets" / "password-gwen")] if officer else []
        command = [sys.executable, "-m", "tidegate.cli.main", *arguments, "--state", str(self.state), *who]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def register(self) -> None:
        """The first grants and the demo's objects, as the officer applies them."""
        files = [part for name in OBJECTS for part in ("-f", str(self.objects / f"{name}.yaml"))]
        for done in (
            self.cli("apply", "-f", str(self.objects / "first-grants.yaml")),
            self.cli("apply", *files, officer=True),
        ):
            assert done.returncode == 0, done.stderr

    def approve(self) -> None:
        done = self.cli("approve", "project", PROJECT, "--reason", "Within the licence.", officer=True)
        assert done.returncode == 0, done.stderr
        wait_for("the project", lambda: self.status().phase is ProjectPhase.DEPLOYED, READY_SECONDS)


def wait_for(what: str, look: object, seconds: float) -> None:
    """Look until it is so; fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.1)


def four_free_ports() -> int:
    """The first of four ports in a row that are free now."""
    while True:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            if port > 65000:
                continue
            with contextlib.suppress(OSError):
                for offset in range(1, 4):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port + offset))
                return port


@contextlib.contextmanager
def running(state: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    """`tidegate up` until it says it is ready; ended by Ctrl-C, after which no process of it may be left."""
    command = [sys.executable, "-m", "tidegate.cli.main", "up", "--state", str(state), "--port", str(port)]
    with (state / "logs" / "up.log").open("a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, text=True, start_new_session=True)
    family: list[psutil.Process] = []
    try:
        said = state / "logs" / "up.log"
        wait_for("up", lambda: "is ready at" in said.read_text() or process.poll() is not None, START_SECONDS)
        assert process.poll() is None, said.read_text()
        yield process
        family = psutil.Process(process.pid).children(recursive=True)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)
        process.wait(END_SECONDS)
    _, left = psutil.wait_procs(family, timeout=10)
    assert left == [], "Ctrl-C left processes behind"


@contextlib.contextmanager
def site(state: Path, *, approved: bool) -> Iterator[Site]:
    """Everything up; with `approved`, the project registered, approved and ready."""
    port = four_free_ports()
    prepare_state(state)
    make_accounts(state)
    with sample_xnat(state, 0) as xnat:
        objects = write_objects(state, xnat)
        with running(state, port) as process:
            found = Site(state, port, objects, process)
            if approved:
                found.register()
                found.approve()
            yield found
