"""For tests of the session server: the server in a process of its own, a recording intake, and both ends of a kernel.

Run as a program this file starts the server without a hub: the same class and configuration as in a workspace, with
Jupyter's own token login in the hub's place. `--without LOCK` leaves one lock off, to show what it holds.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx2
import websocket

from tidegate.sandbox import Bind, Limits, Running, SandboxSpec, python_binds, start, stop

TOKEN = "made-up-token-of-this-test"
ROOT = Path(__file__).parent.parent
ORIGIN = "http://rosa.tidegate.localhost:8000"


@dataclass
class Recorder:
    """What an intake would have been told."""

    total: int = 0
    drawn: Counter[str] = field(default_factory=Counter)
    drafts: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    down: bool = False
    open_draft: bool = False


class RecordingIntake:
    """A real HTTP server with the intake's addresses; it keeps what it is told."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self.recorder = recorder or Recorder()

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.recorder))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/intake/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

        def do_GET(self) -> None:
            self._answer(*_get(recorder, self.path))

        def do_POST(self) -> None:
            recorder.tokens.add(self.headers["Authorization"])
            self._answer(*_post(recorder, self.path, json.loads(self._body())))

        def do_PUT(self) -> None:
            recorder.tokens.add(self.headers["Authorization"])
            body = self._body()
            if len(body) != int(self.headers["Content-Length"]):
                self.close_connection = True
                return
            recorder.files[self.path.split("/files/")[1]] = body
            self._answer(201, {"sha256": self.headers["X-Content-SHA256"], "size": len(body)})

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _get(recorder: Recorder, path: str) -> tuple[int, dict[str, Any]]:
    if recorder.down or not path.endswith("/drawn"):
        return 503, {"code": "down", "sentence": "The service is down."}
    return 200, {"total": recorder.total}


def _post(recorder: Recorder, path: str, sent: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    if recorder.down:
        return 503, {"code": "down", "sentence": "The service is down."}
    if path.endswith("/drawn"):
        recorder.drawn.update(sent["bytes"])
        recorder.total += sum(sent["bytes"].values())
        return 200, {"total": recorder.total}
    recorder.drafts.append(sent["context"])
    return (409 if recorder.open_draft else 201), {"id": "d1", "url": "http://review.tidegate.localhost:8000/d1"}


@dataclass
class Server:
    """A running session server, reached as a browser of its owner would."""

    port: int
    home: Path
    private: Path
    process: subprocess.Popen[bytes]
    log: Path
    base: str = "/user/rosa/breast-density"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.base}"

    def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {"Authorization": f"token {TOKEN}", **options.pop("headers", {})}
        return httpx2.request(method, f"{self.url}{path}", headers=headers, timeout=30, trust_env=False, **options)

    def raw(self, method: str, target: str) -> tuple[int, str]:
        """Status and head of an answer to a request line sent exactly as given."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as line:
            line.sendall(
                f"{method} {self.base}{target} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
                f"Authorization: token {TOKEN}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            head = line.makefile("rb").read().partition(b"\r\n\r\n")[0].decode()
        return int(head.split()[1]), head

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@contextlib.contextmanager
def session_server(folder: Path, intake: str, *, cap: int = 10_000_000, without: str = "") -> Iterator[Server]:
    """The real server on a free port, ready to answer."""
    home, private, sockets = folder / "home", folder / "private", folder / "sock"
    for path in (home, home / "shared", private, sockets):
        path.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environment = _environment(home, private, sockets, intake, cap)
    log = folder / "server.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, __file__, "--port", str(port), "--without", without],
            env=environment,
            cwd=folder,
            stdout=out,
            stderr=out,
        )
    server = Server(port, home, private, process, log)
    try:
        _wait_ready(server)
        yield server
    finally:
        server.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def live_routes(folder: Path) -> set[str]:
    """The names of all handler classes of a server as it would start."""
    for name in ("home", "private", "sock"):
        (folder / name).mkdir()
    environment = _environment(folder / "home", folder / "private", folder / "sock", "http://127.0.0.1:1", 1)
    command = [sys.executable, __file__, "--port", "0", "--without", "", "--print-routes"]
    printed = subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=True, timeout=60)
    return set(json.loads(printed.stdout.decode().splitlines()[-1]))


def _environment(home: Path, private: Path, sockets: Path, intake: str, cap: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT / "services"),
        "TIDEGATE_HOME": str(home),
        "TIDEGATE_SOCKETS": str(sockets),
        "TIDEGATE_PRIVATE": str(private),
        "TIDEGATE_INTAKE": intake,
        "TIDEGATE_DRAWN_CAP": str(cap),
        "TIDEGATE_PROJECT": "breast-density",
        "TIDEGATE_PUBLIC_ORIGIN": ORIGIN,
        "JUPYTERHUB_API_TOKEN": TOKEN,
    }


def _wait_ready(server: Server) -> None:
    wait_for(lambda: _answers(server), "the session server to answer", server.log)


def _answers(server: Server) -> bool:
    if server.process.poll() is not None:
        raise AssertionError(server.log.read_text())
    try:
        return server.ask("GET", "/api").status_code == 200
    except httpx2.HTTPError:
        return False


def wait_for(ready: Any, what: str, log: Path | None = None, seconds: float = 40) -> None:
    """Poll until `ready()` holds; fail with the log when it does not in time."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}\n{log.read_text() if log else ''}")
        time.sleep(0.05)


@contextlib.contextmanager
def kernel_sandbox(folder: Path) -> Iterator[Running]:
    """The launcher as process 1 of a real sandbox, with the folders of `session_server(folder, ...)`."""
    ids = (210_001, 210_002) if os.geteuid() == 0 else (None, None)
    for name in ("home", "home/shared", "sock"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        if ids[0] is not None:
            os.chown(folder / name, ids[0], ids[1])
        (folder / name).chmod(0o2770)
    running = start(_kernel_spec(folder, *ids), log=folder / "kernel.log")
    try:
        wait_for((folder / "sock/launcher.sock").exists, "the launcher", folder / "kernel.log")
        yield running
    finally:
        stop(running, grace=1)


def _kernel_spec(folder: Path, uid: int | None, gid: int | None) -> SandboxSpec:
    package = ROOT / "services/workspace"
    return SandboxSpec(
        name=f"kernel-{folder.name}",
        argv=("/opt/tidegate/env/bin/python", "/opt/tidegate/launcher/main.py", "--sockets", "/run/tidegate/sock"),
        binds=(
            *python_binds(ROOT / ".venv-workspace"),
            Bind(package / "launcher", "/opt/tidegate/launcher"),
            Bind(package / "notebook", "/opt/tidegate/lib"),
            Bind(folder / "home", "/home/researcher", writable=True),
            Bind(folder / "sock", "/run/tidegate/sock", writable=True),
        ),
        env={
            "HOME": "/home/researcher",
            "PATH": "/opt/tidegate/env/bin:/usr/bin:/bin",
            "PYTHONPATH": "/opt/tidegate/lib",
        },
        limits=Limits(memory_bytes=2 << 30, pids=200, cpus=2.0, tmp_bytes=64 << 20),
        uid=uid,
        gid=gid,
        cwd="/home/researcher",
    )


@dataclass
class Browser:
    """One websocket to a kernel, as the Lab opens it; keeps every text that arrives."""

    line: websocket.WebSocket
    kernel: str
    texts: list[str] = field(default_factory=list)
    session: str = field(default_factory=lambda: uuid4().hex)

    def send(self, kind: str, content: dict[str, Any], channel: str = "shell", **extra: Any) -> str:
        message_id = uuid4().hex
        header = {"msg_id": message_id, "msg_type": kind, "session": self.session, "username": "rosa", "version": "5.3"}
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": channel,
            **extra,
        }
        self.line.send(json.dumps(message))
        return message_id

    def receive(self, seconds: float = 30) -> dict[str, Any]:
        self.line.settimeout(seconds)
        text = self.line.recv()
        assert isinstance(text, str)
        self.texts.append(text)
        message: dict[str, Any] = json.loads(text)
        return message

    def run(self, code: str, *, stdin: bool = False, seconds: float = 30) -> list[dict[str, Any]]:
        """Run a cell; what arrived until its reply and its idle state."""
        asked = self.send(
            "execute_request", {"code": code, "silent": False, "store_history": True, "allow_stdin": stdin}
        )
        got: list[dict[str, Any]] = []
        wanted = {"execute_reply", "idle"}
        while wanted:
            message = self.receive(seconds)
            got.append(message)
            if message["parent_header"].get("msg_id") == asked:
                wanted -= {message["msg_type"], message["content"].get("execution_state")}
        return got

    @property
    def received(self) -> int:
        return sum(len(text.encode()) for text in self.texts)


@contextlib.contextmanager
def browser(server: Server, kernel: str | None = None, session: str | None = None) -> Iterator[Browser]:
    """A connection to a kernel, started for it unless named; with the same session it is the same page, come back."""
    page = session or uuid4().hex
    name = kernel or server.ask("POST", "/api/kernels", json={"name": "python3"}).json()["id"]
    line = websocket.create_connection(
        f"{server.url.replace('http', 'ws')}/api/kernels/{name}/channels?session_id={page}",
        header=[f"Authorization: token {TOKEN}"],
        timeout=30,
    )
    try:
        yield Browser(line, name, session=page)
    finally:
        line.close()


def _remove_locks(name: str) -> None:
    """Take locks away, for the half of an attack test that must succeed."""
    from jupyter_server.services.contents.filemanager import AsyncFileContentsManager  # noqa: PLC0415
    from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection  # noqa: PLC0415
    from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager  # noqa: PLC0415

    from workspace.session import app, configuration  # noqa: PLC0415

    names = name.split(",")
    if "routes" in names:
        app.lock_routes = lambda _: None
    if "contents" in names:
        AsyncFileContentsManager.tree = None
        configuration.GuardedContents = AsyncFileContentsManager
    if "guard" in names:
        configuration.GuardedConnection = ZMQChannelsWebsocketConnection
    if "kernels" in names:
        configuration.GuardedKernels = AsyncMappingKernelManager


def under_hub() -> None:
    """`workspace.session` itself, but for Jupyter's refusal to run as root, which the tests may be."""
    from workspace.session import app  # noqa: PLC0415

    configured = app.configure

    def as_root(settings: Any) -> Any:
        config = configured(settings)
        config.ServerApp.allow_root = True
        return config

    app.configure = as_root
    app.launch()


def main() -> None:
    from workspace.session import app  # noqa: PLC0415
    from workspace.session.configuration import EXTENSIONS, configure, prepare_environment  # noqa: PLC0415
    from workspace.session.settings import SessionSettings  # noqa: PLC0415

    port, without, then = int(sys.argv[2]), sys.argv[4], sys.argv[5:]
    settings = SessionSettings.from_environment(os.environ)
    prepare_environment(settings.private)
    _remove_locks(without)
    config = configure(settings)
    if "forgetting" in without:
        config.MappingKernelManager.buffer_offline_messages = True
    config.ServerApp.allow_root = True
    config.ServerApp.base_url = Server.base
    config.ServerApp.port = port
    config.ServerApp.port_retries = 0
    config.IdentityProvider.token = TOKEN
    server = app.SessionServer.instance(tidegate=settings, jpserver_extensions=dict(EXTENSIONS), config=config)
    server.initialize(argv=[], find_extensions=False)
    if then == ["--print-routes"]:
        print(json.dumps(sorted(_handlers(server.web_app.default_router))))  # noqa: T201 - the test reads it
    else:
        server.start()


def _handlers(router: Any) -> set[str]:
    """Every handler class the live router can reach, and anything else it would hand a request to."""
    found: set[str] = set()
    for rule in router.rules:
        if hasattr(rule.target, "rules"):
            found |= _handlers(rule.target)
        else:
            found.add(f"{getattr(rule.target, '__module__', '?')}.{getattr(rule.target, '__qualname__', rule.target)}")
    return found


if __name__ == "__main__":
    under_hub() if sys.argv[1] == "--hub" else main()
