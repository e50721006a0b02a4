"""Starts and stops the two sandboxes of a workspace, and knows of each whether it lives.

Plain and blocking; the hub's spawner calls it in a thread, `tidegate up` when it stops everything. Every sandbox is on
record before the next step is taken, so a kill at any point leaves nothing that a later run cannot find.
"""

import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tidegate.model import TidegateError
from tidegate.sandbox import Running, SandboxSpec, alive, start, stop
from workspace.hub.admission import Admission
from workspace.hub.folders import HostIds, ids_of, prepare
from workspace.hub.sandboxes import Folders, Ids, kernel_spec, session_spec
from workspace.hub.servers import Server, ServerFiles
from workspace.hub.settings import HubSettings

LAUNCHER_SECONDS: Final = 20.0
SESSION_SECONDS: Final = 40.0
GRACE_SECONDS: Final = 3.0
BETWEEN_LOOKS: Final = 0.02

Say = Callable[[int, str], None]


@dataclass(frozen=True)
class Start:
    """One start: who, what, where, and how to tell the person or be told to give up."""

    admission: Admission
    port: int
    hub_env: Mapping[str, str]
    say: Say
    cancelled: threading.Event = field(default_factory=threading.Event)


class Workspaces:
    """The workspaces of this machine."""

    def __init__(self, settings: HubSettings, host_ids: HostIds) -> None:
        self._settings = settings
        self._host_ids = host_ids
        self.files = ServerFiles(settings.servers)

    def start(self, request: Start) -> Server:
        """Both sandboxes up and the session server listening; or nothing left of them, and the reason raised."""
        project, person = request.admission.project.name, request.admission.person.subject
        self.stop(project, person)
        try:
            return self._start(request, Server(project=project, person=person, port=request.port))
        except BaseException:
            self.stop(project, person)
            raise

    def stop(self, project: str, person: str, *, grace: float = GRACE_SECONDS) -> bool:
        """End both sandboxes. False when none was on record."""
        server = self.files.read(project, person)
        if server is None:
            return False
        # The session first: it tells kernels to end, and takes the hub's token with it.
        for running in (server.session, server.kernel):
            if running is not None:
                stop(running, grace=grace)
        self.files.remove(project, person)
        return True

    def living(self, project: str, person: str) -> Server | None:
        """The record of a workspace of which both sandboxes run."""
        server = self.files.read(project, person)
        if server is None or server.kernel is None or server.session is None:
            return None
        return server if alive(server.kernel) and alive(server.session) else None

    def _start(self, request: Start, server: Server) -> Server:
        admission = request.admission
        folders = Folders.of(self._settings.state, server.project, server.person)
        ids = ids_of(self._host_ids, server.project, server.person)
        _prepare(folders, ids)

        request.say(30, "Starting the sandbox for your code")
        kernel = self._launch(kernel_spec(self._settings, admission, folders, ids))
        server = self._record(server.model_copy(update={"kernel": kernel}))
        _wait(LAUNCHER_SECONDS, kernel, request, lambda: _is_socket(folders.sockets / "launcher.sock"), "sandbox")

        request.say(60, "Starting your session")
        session = self._launch(session_spec(self._settings, admission, folders, ids, request.hub_env))
        server = self._record(server.model_copy(update={"session": session}))
        _wait(SESSION_SECONDS, session, request, lambda: _listens(server.port), "session server")
        request.say(90, "Opening your workspace")
        return server

    def _launch(self, spec: SandboxSpec) -> Running:
        logs = self._settings.state / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        return start(spec, log=logs / f"{spec.name}.log")

    def _record(self, server: Server) -> Server:
        self.files.write(server)
        return server


def _prepare(folders: Folders, ids: Ids) -> None:
    try:
        prepare(folders, ids)
    except OSError as error:
        raise TidegateError(
            "workspace_folders",
            f"The folders of this workspace cannot be used: {error.strerror or error}.",
            "Tell the operator, who finds them below the state folder.",
        ) from error


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(seconds: float, running: Running, request: Start, ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if request.cancelled.is_set():
            raise TidegateError("start_cancelled", "The start was given up.")
        if not alive(running):
            raise TidegateError("workspace_failed", f"The {what} ended while starting.", "Tell the operator.")
        if time.monotonic() > deadline:
            raise TidegateError("workspace_slow", f"The {what} was not ready within {seconds:.0f} s.", "Try again.")
        time.sleep(BETWEEN_LOOKS)


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
