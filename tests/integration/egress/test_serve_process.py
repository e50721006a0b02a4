"""`python -m egress_review serve` as the supervisor starts it: it answers, refuses, and comes back after SIGKILL."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from egress_django import environment
from egress_kit import World

DEADLINE = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def service(office: World, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment(office.state)
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TIDEGATE_STATE": str(office.state),
        "TIDEGATE_EGRESS_PORT": str(port),
        "JUPYTERHUB_API_URL": "http://127.0.0.1:1/hub/api",
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
