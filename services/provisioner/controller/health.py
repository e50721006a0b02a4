"""The pages for who runs the process: `/healthz` (restart me), `/readyz` (I lead and have looked), `/metrics`.

Health fails where a watch or the loop has gone silent, since a restart mends that. A database or an API server that is
away is no reason: a restart would not bring it back.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

PORT: Final = 8080
SECONDS: Final = 5.0
OK: Final = 200
UNAVAILABLE: Final = 503
NOT_FOUND: Final = 404
PLAIN: Final = "text/plain; charset=utf-8"

Check = Callable[[], str]


@dataclass(frozen=True)
class Health:
    """Checks by name; each answers what is wrong, or nothing."""

    live: Mapping[str, Check]
    ready: Mapping[str, Check]
    metrics: Callable[[], bytes]

    def page(self, path: str) -> tuple[int, bytes]:
        if path == "/healthz":
            return _judged(self.live)
        if path == "/readyz":
            return _judged({**self.live, **self.ready})
        if path == "/metrics":
            return OK, self.metrics()
        return NOT_FOUND, b"not found\n"


def not_older_than(seconds: float, age: Callable[[], float]) -> Check:
    """A check that something was heard of lately."""

    def check() -> str:
        found = age()
        return "" if found <= seconds else f"silent for {found:.0f} s" if found < float("inf") else "never heard of"

    return check


def serve(health: Health, port: int = PORT) -> ThreadingHTTPServer:
    """Answers from threads of its own until `shutdown`."""

    class Handler(BaseHTTPRequestHandler):
        timeout = SECONDS

        def do_GET(self) -> None:
            status, body = health.page(self.path)
            self.send_response(status)
            self.send_header("Content-Type", PLAIN)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the base class calls it so
            """A probe each second is no news."""

    server = ThreadingHTTPServer(("0.0.0.0", port), Handler)  # noqa: S104 - a pod's own address; a policy says who may ask
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


def _judged(checks: Mapping[str, Check]) -> tuple[int, bytes]:
    wrong = {name: said for name, check in checks.items() if (said := check())}
    lines = [f"{name}: {wrong.get(name, 'ok')}\n" for name in checks]
    return (UNAVAILABLE if wrong else OK), "".join(lines).encode()
