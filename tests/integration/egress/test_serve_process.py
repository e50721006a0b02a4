"""`python -m egress_review serve` as the supervisor starts it: it answers, refuses, and comes back after SIGKILL."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2

from egress_django import environment
from egress_kit import PROJECT, RESEARCHER, World, sha

DEADLINE = 60.0
PIECE = b"x" * 1_000_000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def service(office: World, port: int, hub_api: str = "http://127.0.0.1:1/hub/api") -> Iterator[subprocess.Popen[bytes]]:
    environment(office.state)
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TIDEGATE_STATE": str(office.state),
        "TIDEGATE_EGRESS_PORT": str(port),
        "JUPYTERHUB_API_URL": hub_api,
    }
    with (office.state / "serve.log").open("ab") as log:
        command = [sys.executable, "-m", "egress_review", "serve"]
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)
    try:
        _until_up(office, port)
        yield process
    finally:
        process.kill()
        process.wait()


def _until_up(office: World, port: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == httpx2.codes.OK:
                return
        except httpx2.HTTPError:
            pass
        assert time.monotonic() < deadline, (office.state / "serve.log").read_text()[-2000:]
        time.sleep(0.1)


def test_service_answers_on_loopback_and_again_after_sigkill(office: World) -> None:
    made, port = office.draft(), free_port()
    for _ in range(2):
        with service(office, port), httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            pages = {"host": "review.tidegate.localhost"}
            sent_away = client.get(f"/r/{made.id}", headers=pages)
            assert (sent_away.status_code, sent_away.headers["content-security-policy"][:18]) == (
                302,
                "default-src 'none'",
            )
            assert client.get("/static/tidegate.css", headers=pages).status_code == httpx2.codes.OK
            assert client.get("/static/..%2flogin.py", headers=pages).status_code == httpx2.codes.NOT_FOUND
            assert client.get("/", headers={"host": "elsewhere.example"}).status_code == httpx2.codes.BAD_REQUEST
            intake = client.post("/intake/v1/drafts", json={}, headers={"Authorization": "token some-token"})
            assert (intake.status_code, intake.json()["code"]) == (503, "hub_unavailable")
            path = f"/intake/v1/drafts/{made.id}/files/t.csv"
            assert client.put(path, content=b"x", headers={"X-Content-SHA256": "0" * 64}).status_code == 401


def test_command_says_what_is_missing_in_one_line(office: World) -> None:
    for arguments, variables, word in (
        ([], {}, "usage"),
        (["fly"], {}, "usage"),
        (["serve"], {}, "TIDEGATE_STATE"),
        (["serve"], {"TIDEGATE_STATE": str(office.state), "TIDEGATE_EGRESS_PORT": "http"}, "TIDEGATE_EGRESS_PORT"),
        (["migrate"], {"TIDEGATE_STATE": str(office.state / "nowhere")}, "egress-key"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "egress_review", *arguments],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode != 0
        assert word in done.stderr
        assert done.stderr.count("\n") == 1


class HubAnswer(BaseHTTPRequestHandler):
    """What the hub says of the token of Rosa's workspace."""

    def do_GET(self) -> None:
        scopes = [f"access:servers!server={RESEARCHER}/{PROJECT}"]
        body = json.dumps({"kind": "user", "name": RESEARCHER, "scopes": scopes}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@contextmanager
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), HubAnswer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/hub/api"
        finally:
            server.shutdown()
            thread.join()


def test_a_large_file_leaves_nothing_behind_on_its_connection(office: World) -> None:
    """The session server keeps its connection open: what comes next on it must be answered like on a fresh one."""
    made, port, content = office.draft(), free_port(), b"x" * 4_000_000
    headers = {"Authorization": "token some-token"}
    with (
        hub() as api,
        service(office, port, api),
        httpx2.Client(base_url=f"http://127.0.0.1:{port}/intake/v1", headers=headers, trust_env=False) as client,
    ):
        for number in range(3):
            path = f"/drafts/{made.id}/files/t{number}.csv"
            sent = client.put(path, content=content, headers={"X-Content-SHA256": sha(content)})
            assert sent.status_code == httpx2.codes.CREATED
            assert client.get("/drawn").json() == {"total": 0}


async def _send(url: str, path: str, size: int) -> httpx2.Response:
    """As the session server sends: in pieces, on a connection it keeps."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // len(PIECE)):
            yield PIECE

    headers = {"Authorization": "token some-token", "X-Content-SHA256": "0" * 64, "Content-Length": str(size)}
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
        return await client.put(f"{url}{path}", content=pieces(), headers=headers)


def test_who_sends_too_large_a_file_hears_that_it_is_too_large(office: World) -> None:
    """And not a broken connection: the rest of the body is let go by before the answer."""
    made, port = office.draft(), free_port()
    with hub() as api, service(office, port, api):
        path = f"/intake/v1/drafts/{made.id}/files/large.csv"
        refused = asyncio.run(_send(f"http://127.0.0.1:{port}", path, 120 * len(PIECE)))
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
