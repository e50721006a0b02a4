"""An HTTP server that records the DELETEs a hub would get. The real hub is in the end-to-end tests."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class HubDouble:
    def __init__(self) -> None:
        self.deletes: list[tuple[str, str]] = []
        self.status = 204
        self.delay = 0.0
        self.on_delete: Callable[[], None] = lambda: None
        self.url = ""
        # Set at the end, so that an answer held back holds nothing else back.
        self.closing = threading.Event()


@contextlib.contextmanager
def hub_double() -> Iterator[HubDouble]:
    """Listens on a free port of loopback until the block is left."""
    double = HubDouble()

    class Handler(BaseHTTPRequestHandler):
        def do_DELETE(self) -> None:
            double.deletes.append((self.path, self.headers.get("Authorization", "")))
            double.closing.wait(double.delay)
            double.on_delete()
            with contextlib.suppress(ConnectionError):
                self.send_response(double.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double.url = f"http://127.0.0.1:{server.server_port}/hub/api"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield double
    finally:
        double.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
