"""Answers in the place of the hub and of the intake, within the cluster. Run in a pod: PORT TOKEN.

A workspace's session server asks the hub who holds a token, and the intake how much was drawn; nothing else is needed
for it to serve. Whoever shows this test's token is its workspace's owner.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, TOKEN = int(sys.argv[1]), sys.argv[2]
DRAWN = {"total": 0}
SCOPES = ["access:servers!user=rosa", "read:users!user=rosa", "users:activity!user=rosa"]
ROSA = {"kind": "user", "name": "rosa", "admin": False, "groups": [], "scopes": SCOPES, "session_id": None}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/hub/api/user"):
            held = self.headers.get("Authorization", "").endswith(TOKEN)
            self._answer(200 if held else 403, ROSA if held else {"message": "no"})
        elif self.path.startswith("/hub/api"):
            self._answer(200, {"version": "6.1.1"})
        else:
            self._answer(200, DRAWN)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/drawn"):
            DRAWN["total"] += sum(json.loads(sent)["bytes"].values())
        self._answer(200, DRAWN)

    def _answer(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()  # noqa: S104 - within its pod
