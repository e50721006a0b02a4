"""The sample XNAT itself: HTTP over the archive, logins and faults.

`python -m sample_xnat` runs it; tests use `SampleXnat` as a context manager. It listens on this machine only.
"""

import errno
import ipaddress
import json
import shutil
import socket
import threading
import time
import zipfile
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self, cast
from urllib.parse import parse_qs, unquote, urlsplit

from sample_xnat.faults import FaultKind, Faults
from sample_xnat.logins import FIFTEEN_MINUTES, Account, Logins
from sample_xnat.routes import Answer, Archive, Bytes, Json, Text, Zip
from sample_xnat.schema import SCHEMAS
from sample_xnat.tokens import PLACE
from sample_xnat.tokens import answer as about_tokens
from sample_xnat.tree import Tree
from tidegate.model import ExitCode, TidegateError

VERSION: Final = "1.9.0"
LOGIN_PAGE: Final = (
    "<!DOCTYPE html>\n<html><head><title>XNAT login</title></head><body><h3>Log in</h3>"
    '<form name="form1" method="post" action="/xnat/login"></form></body></html>'
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came: tests count these."""

    method: str
    path: str


class _Server(ThreadingHTTPServer):
    """Remembers its open connections, so that stopping ends them and every thread with them."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], owner: "SampleXnat") -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as in the base class
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """A client that goes away in the middle is no event here."""

    def hang_up(self) -> None:
        with self._guard:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class SampleXnat:
    """A running sample XNAT.

    Attributes:
        url: where it listens, set once it does.
        faults: what goes wrong where.
        logins: who is in; `logins.expire_all()` throws everyone out.
        latency: seconds added before each answer.
    """

    def __init__(
        self,
        tree: Tree,
        account: Account,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        latency: float = 0.0,
        session_seconds: float = FIFTEEN_MINUTES,
    ) -> None:
        check_loopback(address)
        self.tree = tree
        self.faults = Faults()
        self.logins = Logins(account, session_seconds)
        self.latency = latency
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self.archive = Archive(tree, self.faults)
        self._server = _bind(address, port, self)
        self._thread: threading.Thread | None = None
        self.url = f"http://{address}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sample-xnat")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        if self._thread:
            self._thread.join()

    def fetched(self) -> list[str]:
        """The addresses of single files that were asked for, in order."""
        return [a.path for a in self.asked if a.method == "GET" and "/files/" in a.path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version = "SampleXnat"

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names the base class calls

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class's signature
        """Quiet: tests look at `SampleXnat.asked`."""

    @property
    def _owner(self) -> SampleXnat:
        return cast("_Server", self.server).owner

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), parse_qs(parts.query)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._owner.asked.append(Asked(self.command, path))
        if self._owner.latency:
            time.sleep(self._owner.latency)
        fault = self._owner.faults.take(path)
        if fault in _INSTEAD:
            _INSTEAD[fault](self)
        elif path == "/data/services/auth":
            self._log_in(body)
        elif path == "/":
            self._front_page()
        else:
            self._for_members(path, query, fault)

    def _log_in(self, body: bytes) -> None:
        form = parse_qs(body.decode("utf-8", "replace"))
        token = self._owner.logins.log_in(form.get("username", [""])[0], form.get("password", [""])[0])
        if token is None:
            self._send(
                HTTPStatus.UNAUTHORIZED, b"<html><body><h3>Login attempt failed.</h3></body></html>", "text/html"
            )
        else:
            self._send(HTTPStatus.OK, token.encode(), "text/plain", token)

    def _front_page(self) -> None:
        token = self._owner.logins.log_in_basic(self.headers.get("Authorization", ""))
        self._send(HTTPStatus.OK, b"Sample XNAT", "text/plain", token)

    def _for_members(self, path: str, query: dict[str, list[str]], fault: FaultKind | None) -> None:
        token, user = self._who()
        if user is None:
            self._refuse_login()
        elif path == "/data/JSESSION" and self.command == "DELETE":
            self._owner.logins.log_out(token)
            self._send(HTTPStatus.OK, b"", "text/plain")
        elif path.startswith(PLACE):
            status, text = about_tokens(self._owner.logins.tokens, path.removeprefix(PLACE), user)
            kind = "application/json" if status is HTTPStatus.OK else "text/plain"
            self._send(status, text.encode(), kind, fault=fault)
        else:
            answer = self._fixed(path, token, user) or self._archived(path, query)
            self._send_answer(answer, fault)

    def _who(self) -> tuple[str, str | None]:
        cookies = SimpleCookie(self.headers.get("Cookie", ""))
        token = cookies["JSESSIONID"].value if "JSESSIONID" in cookies else ""
        if not token and "Authorization" in self.headers:
            # Every such call is a session of its own, as in XNAT.
            token = self._owner.logins.log_in_basic(self.headers["Authorization"]) or ""
        return token, self._owner.logins.user_of(token)

    def _fixed(self, path: str, token: str, user: str) -> Answer:
        """The answers that do not depend on the archive."""
        if path.startswith("/xapi/schemas/"):
            schema = SCHEMAS.get(path.removeprefix("/xapi/schemas/"))
            return Text(schema, "text/xml") if schema else None
        fixed: dict[str, Answer] = {
            "/data/auth": Text(f"User '{user}' is logged in"),
            "/data/JSESSION": Text(token),
            "/xapi/siteConfig/buildInfo": Json({"version": VERSION}),
            "/xapi/schemas": Json(sorted(SCHEMAS)),
            "/data/search/elements": Json({"ResultSet": {"Result": [], "totalRecords": "0"}}),
        }
        return fixed.get(path)

    def _archived(self, path: str, query: dict[str, list[str]]) -> Answer:
        if not path.startswith("/data/"):
            return None
        place = path.removeprefix("/data").removeprefix("/archive")
        return self._owner.archive.answer(place, as_zip=query.get("format") == ["zip"])

    def _send_answer(self, answer: Answer, fault: FaultKind | None) -> None:
        match answer:
            case Json(value):
                self._send(HTTPStatus.OK, json.dumps(value).encode(), "application/json", fault=fault)
            case Text(value, kind):
                self._send(HTTPStatus.OK, value.encode(), kind, fault=fault)
            case Bytes():
                self._send_file(answer, fault)
            case Zip():
                self._send_zip(answer)
            case None:
                self._send(HTTPStatus.NOT_FOUND, b"<html><body>Not found.</body></html>", "text/html")

    def _send(
        self, status: HTTPStatus, body: bytes, kind: str, token: str | None = None, fault: FaultKind | None = None
    ) -> None:
        self._head(status, kind, len(body), token)
        if self.command != "HEAD":
            self.wfile.write(self._spoilt(body, fault))

    def _head(self, status: HTTPStatus, kind: str, length: int | None, token: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        if token:
            lasts = int(self._owner.logins.lasts * 1000)
            self.send_header("Set-Cookie", f"JSESSIONID={token}; Path=/; HttpOnly")
            self.send_header("Set-Cookie", f'SESSION_EXPIRATION_TIME="{int(time.time() * 1000)},{lasts}"; Path=/')
        self.end_headers()

    def _send_file(self, answer: Bytes, fault: FaultKind | None) -> None:
        with answer.file.open() as source:
            if fault:
                self._send(HTTPStatus.OK, source.read(), "application/dicom", fault=fault)
                return
            length = source.seek(0, 2)
            source.seek(0)
            self._head(HTTPStatus.OK, "application/dicom", length)
            if self.command != "HEAD":
                shutil.copyfileobj(source, self.wfile, 1024 * 1024)

    def _send_zip(self, answer: Zip) -> None:
        self._head(HTTPStatus.OK, "application/zip", None)
        if self.command == "HEAD":
            return
        with zipfile.ZipFile(cast("Any", _Chunks(self)), "w", zipfile.ZIP_STORED) as archive:
            for name, file in answer.members:
                with file.open() as source:
                    archive.writestr(name, source.read())
        self.wfile.write(b"0\r\n\r\n")

    def _spoilt(self, body: bytes, fault: FaultKind | None) -> bytes:
        if fault is FaultKind.FLIPPED_BYTE:
            return body[:-1] + bytes([body[-1] ^ 1])
        if fault in {FaultKind.TRUNCATED_BODY, FaultKind.STALLED}:
            self.wfile.write(body[: len(body) // 2])
            if fault is FaultKind.STALLED:
                self._owner.closing.wait()
            self.close_connection = True
            return b""
        return body

    def _login_page(self) -> None:
        self._send(HTTPStatus.OK, LOGIN_PAGE.encode(), "text/html")

    def _refuse_login(self) -> None:
        self._send(HTTPStatus.UNAUTHORIZED, LOGIN_PAGE.encode(), "text/html")

    def _expire(self) -> None:
        self._owner.logins.log_out(self._who()[0])
        self._refuse_login()

    def _unavailable(self) -> None:
        self._send(HTTPStatus.SERVICE_UNAVAILABLE, b"Try again later.", "text/plain")

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


_INSTEAD: Final = {
    FaultKind.HTML_LOGIN_PAGE: _Handler._login_page,  # noqa: SLF001 - the handler's own table
    FaultKind.UNAUTHORISED: _Handler._expire,  # noqa: SLF001
    FaultKind.UNAVAILABLE: _Handler._unavailable,  # noqa: SLF001
    FaultKind.DROPPED: _Handler._drop,  # noqa: SLF001
}


class _Chunks:
    """A file for `zipfile` to write to, sent in HTTP chunks as it grows."""

    def __init__(self, handler: _Handler) -> None:
        self._out = handler.wfile

    def write(self, data: bytes) -> int:
        if data:
            self._out.write(b"%x\r\n%b\r\n" % (len(data), data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


def check_loopback(address: str) -> None:
    """Refuse to be reachable from elsewhere.

    Raises:
        TidegateError: ``sample_not_loopback`` for an address that others could reach.
    """
    try:
        if ipaddress.ip_address(address).is_loopback:
            return
    except ValueError:
        pass
    raise TidegateError(
        "sample_not_loopback",
        f"The sample XNAT is a stand-in for this machine only and does not listen on {address}.",
        "Use 127.0.0.1; for anyone else, set up a real XNAT.",
        ExitCode.USAGE,
    )


def _bind(address: str, port: int, owner: SampleXnat) -> _Server:
    try:
        return _Server((address, port), owner)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise TidegateError(
            "port_taken",
            f"The sample XNAT cannot listen on {address} port {port}: another program has it.",
            "Stop that program, or choose another --port (0 takes a free one).",
        ) from error
