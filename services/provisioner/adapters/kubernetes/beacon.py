"""Listens and admits everyone: what a canary must not reach. Runs in the release's namespace, from the services image.

Answers each caller with one line and hangs up; `python -m provisioner.adapters.kubernetes.beacon`. Standard library.
"""

import signal
import socketserver
import sys
import threading

PORT = 9000


class Answer(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"tidegate beacon\n")


class Beacon(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main() -> int:
    with Beacon(("0.0.0.0", PORT), Answer) as server:  # noqa: S104 - it is there to be reached
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
