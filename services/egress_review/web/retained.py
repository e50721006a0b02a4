"""The one page for the provisioner: what of a project still waits here. On a port of its own, for no one else.

The pages and the intake do not have it. Who asks needs the token both services were given, and the network lets the
provisioner alone in.
"""

import hmac
import json
import re
import threading
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from django.db import connections

from egress_review.application.retained import retained
from egress_review.ports import Ports
from egress_review.web.intake import token_of
from egress_review.web.problems import TROUBLE, body_of, status_of, told

PATH: Final = re.compile(r"/retained/v1/(?P<project>[a-z][a-z0-9-]{1,28})")
SECONDS: Final = 5.0
UNKNOWN: Final = {"code": "token_unknown", "sentence": "This page answers the provisioner alone.", "rule": ""}
NOTHING: Final = {"code": "not_found", "sentence": "There is no page at this address.", "rule": ""}


def answer(ports: Ports, token: str, path: str, given: str) -> tuple[int, dict[str, Any]]:
    """Status and body. Who may not ask learns nothing, not even which addresses there are."""
    if not hmac.compare_digest(given.encode(), token.encode()):
        return HTTPStatus.UNAUTHORIZED, UNKNOWN
    match = PATH.fullmatch(path)
    if match is None:
        return HTTPStatus.NOT_FOUND, NOTHING
    try:
        return HTTPStatus.OK, asdict(retained(ports, match["project"]))
    except TROUBLE as error:
        return status_of(told(error)), body_of(told(error))
    finally:
        connections.close_all()


def serve_retained(ports: Ports, token: str, address: str, port: int) -> ThreadingHTTPServer:
    """Answers from threads of its own until `shutdown`."""

    class Handler(BaseHTTPRequestHandler):
        timeout = SECONDS

        def do_GET(self) -> None:
            status, body = answer(ports, token, self.path, token_of(self.headers.get("Authorization", "")))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the base class calls it so
            """Asked at each look at a project that closes."""

    server = ThreadingHTTPServer((address, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="retained", daemon=True).start()
    return server
