"""Real sandboxes and real kernels for tests: a place on disk, the workspace's spec, a notebook that runs cells."""

import asyncio
import contextlib
import ctypes
import os
import shutil
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fcntl import ioctl
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from tidegate.sandbox import Bind, Limits, Running, SandboxSpec, python_binds, start, stop

REPOSITORY = Path(__file__).resolve().parents[1]
WORKSPACE = REPOSITORY / "services" / "workspace"
KERNEL_ENVIRONMENT = REPOSITORY / ".venv-workspace"
PROBES = REPOSITORY / "tests" / "sandbox_probes.py"
UNLOCKED = REPOSITORY / "tests" / "unlocked_launcher.py"

ROOT = os.geteuid() == 0
# Numbers that own nothing else on the machine; a plain user's sandboxes are the user's own.
UID, GID = (21001, 22001) if ROOT else (None, None)

MIB = 1024 * 1024
LIMITS = Limits(memory_bytes=1024 * MIB, pids=128, cpus=2.0, tmp_bytes=32 * MIB)
CLONE_NEWNET = 0x40000000


def until(condition: Callable[[], Any], what: str, seconds: float = 15.0) -> Any:
    """Poll for a condition; fail with its name when it does not come."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"gave up waiting for {what}"
        time.sleep(0.01)
    return value


@dataclass(frozen=True)
class Place:
    """The folders of one workspace. Unix sockets need short paths, so it is not below pytest's folder."""

    base: Path

    home = property(lambda self: self.base / "home")
    shared = property(lambda self: self.base / "shared")
    cohort = property(lambda self: self.base / "cohort")
    sockets = property(lambda self: self.base / "sock")
    log = property(lambda self: self.base / "log")

    def own(self, path: Path, mode: int = 0o2770) -> Path:
        path.mkdir(exist_ok=True)
        if ROOT:
            os.chown(path, UID, GID)
        path.chmod(mode)
        return path

    def spec(self, *argv: str, **changes: Any) -> SandboxSpec:
        """A sandbox with Python and the folders of a workspace."""
        binds = (
            Bind(self.home, "/home/researcher", writable=True),
            Bind(self.shared, "/home/researcher/shared", writable=True),
            Bind(self.cohort, "/cohort"),
            Bind(self.sockets, "/run/tidegate/sock", writable=True),
            Bind(PROBES, "/opt/tidegate/probes.py"),
        )
        spec = SandboxSpec(self.base.name, argv, binds, {"PATH": "/usr/bin:/bin"}, LIMITS, uid=UID, gid=GID)
        return replace(spec, **changes)

    def python(self, code: str, **changes: Any) -> SandboxSpec:
        return self.spec("/usr/bin/python3", "-c", code, **changes)

    def kernel(self, *options: str, filtered: bool = True, **changes: Any) -> SandboxSpec:
        """The kernel sandbox as the spawner makes it; without lock 1 it runs a program that exists in tests only."""
        program = "/opt/tidegate/launcher/main.py" if filtered else "/opt/tidegate/unlocked.py"
        spec = self.spec(
            "/opt/tidegate/env/bin/python", program, "--sockets", "/run/tidegate/sock", *options, **changes
        )
        return replace(
            spec,
            binds=(
                *spec.binds,
                *python_binds(KERNEL_ENVIRONMENT),
                Bind(WORKSPACE / "launcher", "/opt/tidegate/launcher"),
                Bind(WORKSPACE / "notebook", "/opt/tidegate/lib"),
                *(() if filtered else (Bind(UNLOCKED, "/opt/tidegate/unlocked.py"),)),
            ),
        )


@contextlib.contextmanager
def place() -> Iterator[Place]:
    made = Place(Path(tempfile.mkdtemp(prefix="tg-", dir="/tmp")))
    made.base.chmod(0o755)
    for folder in (made.home, made.shared, made.sockets):
        made.own(folder)
    made.own(made.cohort, 0o750)
    (made.cohort / "one.dcm").write_bytes(b"pixels")
    try:
        yield made
    finally:
        shutil.rmtree(made.base)


@contextlib.contextmanager
def sandbox(spec: SandboxSpec, log: Path, *, grace: float = 0.0) -> Iterator[Running]:
    running = start(spec, log=log)
    try:
        yield running
    finally:
        stop(running, grace=grace)


@contextlib.contextmanager
def launched(where: Place, *options: str, **how: Any) -> Iterator[Running]:
    """A kernel sandbox whose launcher answers."""
    with sandbox(where.kernel(*options, **how), where.log, grace=5.0) as running:
        until((where.sockets / "launcher.sock").exists, f"the launcher: {where.log.read_text()}")
        yield running


@dataclass
class Cell:
    """What one cell gave: everything printed or shown, and the error's name if there was one."""

    text: str
    error: str = ""


class Notebook:
    """A real kernel behind the real provisioner, driven without a server."""

    def __init__(self, where: Place) -> None:
        os.environ["TIDEGATE_SOCKETS"] = str(where.sockets)
        kernels = KernelSpecManager(kernel_dirs=[str(WORKSPACE / "session" / "kernels")], ensure_native_kernel=False)
        file = str(where.base / f"kernel-{time.monotonic_ns()}.json")
        self.loop = asyncio.new_event_loop()
        self.manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=kernels, connection_file=file)
        self.client: Any = None

    def start(self, **options: Any) -> None:
        self.wait(self.manager.start_kernel(**options))
        self.client = self.manager.client()
        self.client.start_channels()
        self.wait(self.client.wait_for_ready(timeout=60))

    def wait(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def cell(self, code: str, seconds: float = 30) -> Cell:
        shown: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            shown.append(content.get("text", "") or content.get("data", {}).get("text/plain", ""))

        reply = self.wait(self.client.execute_interactive(code, timeout=seconds, output_hook=hear))["content"]
        return Cell("".join(shown).strip(), reply.get("ename", ""))

    def close(self) -> None:
        if self.client is not None:
            self.client.stop_channels()
        self.wait(self.manager.shutdown_kernel(now=True))
        self.manager.context.destroy(linger=0)
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


@contextlib.contextmanager
def notebook(where: Place, **options: Any) -> Iterator[Notebook]:
    opened = Notebook(where)
    try:
        opened.start(**options)
        yield opened
    finally:
        opened.close()


class Beacon:
    """Listens and counts who got through."""

    def __init__(self, address: str) -> None:
        self.listener = socket.create_server((address, 0))
        self.address, self.port = self.listener.getsockname()

    def was_reached(self) -> bool:
        self.listener.settimeout(0)
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


TEST_NET = "192.0.2.1"
ADDRESSES = ("127.0.0.1", TEST_NET) if ROOT else ("127.0.0.1",)


def in_own_network(work: Callable[[], Any]) -> Any:
    """Run in a thread with a network of its own, so that no test touches the machine's; as root, with a TEST-NET
    address beside the loopback. A plain user cannot make one and uses the machine's loopback."""
    box: dict[str, Any] = {}

    def body() -> None:
        try:
            if ROOT:
                _make_network()
            box["value"] = work()
        except BaseException as error:  # noqa: BLE001  # handed to the caller's thread
            box["error"] = error

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if "error" in box:
        raise box["error"]
    return box["value"]


def _make_network() -> None:
    assert ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for name, address in (("lo", "127.0.0.1"), ("lo:1", TEST_NET)):
            packed = struct.pack("16sH2x4s8x", name.encode(), socket.AF_INET, socket.inet_aton(address))
            ioctl(control, 0x8916, packed)  # SIOCSIFADDR
            ioctl(control, 0x8914, struct.pack("16sh14x", name.encode(), 0x1 | 0x40))  # SIOCSIFFLAGS: up, running
