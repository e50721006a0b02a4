"""An HTTP server that answers as a script says, for what a real API server cannot be made to do: be busy, break off."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kubernetes.client import Configuration

from tidegate.cluster.client import ClusterClient
from tidegate.cluster.connection import client_of
from tidegate.cluster.pace import Pace
from tidegate.cluster.sending import Sender


@dataclass
class Answer:
    """`body` is sent as JSON, bytes as they are. With `cut` the connection breaks before the body is whole."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body or {}).encode()


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Script:
    """Answers in order, the last for all that follow; None breaks the connection off without an answer."""

    answers: list[Answer | None]
    asked: list[Asked] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def next(self) -> Answer | None:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def scripted(*answers: Answer | None) -> Iterator[tuple[ClusterClient, Script]]:
    """A client of such a server. It sleeps in no time and notes how long."""
    script = Script(list(answers))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    settings = Configuration(host=f"http://127.0.0.1:{server.server_port}")
    api = client_of(settings)
    try:
        yield ClusterClient(Sender(api, Pace(rate=1e6), script.slept.append)), script
    finally:
        api.close()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(script: Script) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            script.asked.append(
                Asked(self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers.items()), body)
            )
            answer = script.next()
            if answer is None:
                self.close_connection = True
                return
            text = answer.encoded()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text) + (10 if answer.cut else 0)))
            self.end_headers()
            self.wfile.write(text)
            self.close_connection = answer.cut

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    return Handler
