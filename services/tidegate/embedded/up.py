"""`tidegate up`: checks the machine, starts the hub with its services, says when they are ready, and ends everything.

The hub is a child that dies with this process, the proxy and services die with the hub, so a kill leaves no process but
the workspaces; those are on record and are found again by the next run. A hub that ends by itself is started again.
"""

import contextlib
import ctypes
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

import httpx2

from tidegate.embedded.settings import Settings
from tidegate.embedded.state import DEMO_LOGINS, has_demo_logins, only_one, prepare_state
from tidegate.embedded.tools import check_node
from tidegate.model import ExitCode, TidegateError
from tidegate.sandbox import check_possible
from tidegate.store import SqliteStore
from workspace.hub.settings import FILE_VARIABLE, HubSettings
from workspace.hub.workspaces import Workspaces

READY_SECONDS: Final = 45.0
HUB_END_SECONDS: Final = 20.0
BETWEEN_LOOKS: Final = 0.1
MOST_RESTARTS: Final = 5
RESTART_WINDOW: Final = 60.0
HUB_CONFIG: Final = "workspace.hub.config"

Say = Callable[[str], None]
Ready = Callable[[HubSettings], bool]


def up(settings: Settings, *, say: Say = print, ready: Ready | None = None) -> int:
    """Run until asked to end (SIGINT, SIGTERM), then leave no process behind.

    Args:
        settings: folder, address and ports.
        say: told each step, one line each.
        ready: called once everything answers; the demo's walk runs here. When it raises or says no, everything is
            ended. A signal cuts it short.

    Returns:
        The exit code of the command.

    Raises:
        TidegateError: ``address_invalid``, ``port_invalid``, ``demo_passwords_public``, ``opa_wheel_missing``,
            ``node_missing``, ``node_too_old``, ``proxy_missing``, ``workspace_env_missing``, ``sandbox_impossible``,
            ``state_unusable``, ``already_running``, ``port_taken``, ``hub_failed``, ``interrupted``.
    """
    check_machine(settings)
    prepare_state(settings.state)
    with only_one(settings.state), ended_by_signal() as ending:
        _check_ports(settings)
        hub_settings = settings.hub()
        end_stale(hub_settings)
        supervisor = Supervisor(hub_settings, say, ending)
        try:
            supervisor.start()
            if ready is None or _finished(ready, hub_settings, ending):
                supervisor.watch()
        finally:
            supervisor.end()
    return ExitCode.DONE


def check_machine(settings: Settings) -> None:
    """Refuse, with the reason, what could not work or would not be safe."""
    settings.check()
    if not settings.is_loopback and has_demo_logins(settings.state):
        raise TidegateError(
            "demo_passwords_public",
            f"{settings.address} can be reached from other machines, and {settings.state} has the demo's accounts, "
            "whose passwords everybody knows.",
            f"Use 127.0.0.1, or a fresh state folder ({DEMO_LOGINS} marks one with demo accounts).",
        )
    if importlib.util.find_spec("opa_bindings") is None:
        raise TidegateError(
            "opa_wheel_missing", "Open Policy Agent is not installed in this environment.", "Run `make` to install it."
        )
    settings.hub()
    check_node()
    check_possible()


@dataclass
class Supervisor:
    """The hub's process, from start to end."""

    hub: HubSettings
    say: Say
    ending: threading.Event
    _process: subprocess.Popen[bytes] | None = None
    _restarts: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Start the hub and wait until all answers. Without review people can work, and nothing leaves."""
        host = f"[{self.hub.address}]" if ":" in self.hub.address else self.hub.address
        self.say("Starting the hub, the proxy and the services")
        self._launch()
        self._require("the hub", f"{self.hub.hub_api}/")
        self._require("the proxy", f"http://{host}:{self.hub.port}/hub/health")
        review = "egress" not in self.hub.services or self._wait_for(
            "the review pages", f"http://127.0.0.1:{self.hub.egress_port}/healthz"
        )
        if not self.ending.is_set():
            without = "" if review else f" WITHOUT the review pages (the reason is in {self._log})"
            self.say(f"Tidegate is ready{without} at {self.hub.public_url}/ (Ctrl-C ends it)")

    def watch(self) -> None:
        """Return when asked to end. A hub that ended by itself is started again, up to a limit."""
        while not self.ending.wait(BETWEEN_LOOKS):
            if self._process is not None and self._process.poll() is not None:
                self._restart(self._process.returncode)

    def end(self) -> None:
        """The hub first, which ends proxy and services; then every workspace on record."""
        if self._process is not None and self._process.poll() is None:
            self.say("Stopping the hub and the services")
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(HUB_END_SECONDS)
        if self._process is not None:
            _kill_group(self._process)
        workspaces = Workspaces(self.hub, SqliteStore(self.hub.database, "workspace"))
        for server in list(workspaces.files.all()):
            self.say(f"Stopping the workspace {server.name}")
            workspaces.stop(server.project, server.person)

    def _launch(self) -> None:
        file = self.hub.state / "run" / "hub.json"
        self.hub.save(file)
        config = importlib.util.find_spec(HUB_CONFIG)
        if config is None or config.origin is None:  # pragma: no cover - part of this distribution
            raise TidegateError("hub_failed", "The hub's configuration is missing.", "Install Tidegate again.")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", config.origin],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.hub.state / "run",
                env=_environment(file),
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - no other thread exists yet
            )

    def _restart(self, code: int) -> None:
        now = time.monotonic()
        self._restarts = [moment for moment in self._restarts if now - moment < RESTART_WINDOW]
        if len(self._restarts) >= MOST_RESTARTS:
            raise self._failed(f"ended {MOST_RESTARTS} times within a minute")
        self._restarts.append(now)
        self.say(f"The hub ended by itself (status {code}); starting it again. Open workspaces go on.")
        self._launch()

    def _require(self, what: str, url: str) -> None:
        if not self._wait_for(what, url) and not self.ending.is_set():
            raise self._failed(f"started, but {what} did not answer within {READY_SECONDS:.0f} s")

    def _wait_for(self, what: str, url: str) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        while not self.ending.is_set() and time.monotonic() < deadline:
            if _answers(url):
                self.say(f"  {what}: ready")
                return True
            if self._process is None or self._process.poll() is not None:
                raise self._failed("ended while starting")
            self.ending.wait(BETWEEN_LOOKS)
        return False

    @property
    def _log(self) -> Path:
        return self.hub.state / "logs" / "hub.log"

    def _failed(self, why: str) -> TidegateError:
        return TidegateError("hub_failed", f"The hub {why}.", f"The reason is in {self._log}.")


def end_stale(hub: HubSettings) -> None:
    """End what an earlier run left half-started. Whole workspaces stay: the hub takes them up again."""
    workspaces = Workspaces(hub, SqliteStore(hub.database, "workspace"))
    for server in list(workspaces.files.all()):
        if workspaces.living(server.project, server.person) is None:
            workspaces.stop(server.project, server.person)


@contextlib.contextmanager
def ended_by_signal() -> Iterator[threading.Event]:
    """An event that SIGINT, SIGTERM and SIGHUP set, in place of what they did before."""
    ending = threading.Event()
    with _on_signal(ending.set):
        yield ending


@contextlib.contextmanager
def _on_signal(act: Callable[[], None]) -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        act()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _finished(ready: Ready, hub: HubSettings, ending: threading.Event) -> bool:
    """What `ready` says. It may take minutes, so the first signal does not wait for it."""

    def cut() -> None:
        if not ending.is_set():
            ending.set()
            raise _interrupted()

    with _on_signal(cut):
        if ending.is_set():
            raise _interrupted()
        return ready(hub)


def _interrupted() -> TidegateError:
    return TidegateError("interrupted", "Asked to end before it was done.", "Started again, it goes on where it was.")


def _check_ports(settings: Settings) -> None:
    for name, port in settings.ports.items():
        address = settings.address if port == settings.port else "127.0.0.1"
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            # As the servers do: a port whose last connections are still closing is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise TidegateError(
                    "port_taken",
                    f"Port {port} of {address}, for the {name}, is taken: {error.strerror}.",
                    "Stop what uses it, or choose others with --port; Tidegate takes four in a row.",
                ) from error


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=2.0, trust_env=False).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False


def _environment(file: Path) -> dict[str, str]:
    """Only what a hub needs: nothing of the operator's own shell gets to services or sessions."""
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{os.defpath}:/usr/sbin:/sbin", FILE_VARIABLE: str(file)}


def die_with_parent() -> None:
    """For a child to run before its program: it is killed when its parent ends, however that ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Whatever the hub did not end; it leads a group of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
