"""One file from XNAT to a ``.part`` on our disk, verified: status, length, magic, MD5, own SHA-256, fsync.

`pull` runs several of these at once. A file that fails is asked for again as `Backoff` says; an expired login is
renewed once, by whichever transfer meets it first.
"""

import os
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, ProtocolError

from provisioner.adapters.xnat.backoff import Backoff
from provisioner.adapters.xnat.failures import failure, storage_failure
from provisioner.adapters.xnat.listing import BUSY, UNAUTHORISED, Ticket, Tickets
from provisioner.domain.plan import PlanLine
from provisioner.domain.transfer import Code, Measure, verdict

CHUNK: Final = 1024 * 1024
OK: Final = 200
# A new login may mend these.
OF_THE_LOGIN: Final = frozenset({Code.XNAT_LOGIN_REFUSED, Code.XNAT_ANSWERED_HTML})
# A file that ends the login takes the files beside it along, and now and then one of those is heard of first.
LOGINS_FOR_ONE_FILE: Final = 4


class Stopped(Exception):  # noqa: N818 - not an error: another file failed, or the person interrupted
    """The pull is ending; this file is left for the next run."""


class _Failed(Exception):  # noqa: N818 - the end of one try
    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that came whole. `refused` says why it stays out all the same."""

    sha256: str
    refused: Code | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Fetches files with one HTTP client. `moved` is told of bytes as they arrive and answers whether to go on."""

    server: str
    tickets: Tickets
    client: urllib3.PoolManager
    backoff: Backoff
    moved: Callable[[int], bool]

    def fetch(self, line: PlanLine, part: Path) -> Fetched:
        """The file in `part`, as XNAT's catalogue describes it.

        Raises:
            TidegateError: with a `Code`, once it is no use trying again.
            Stopped: where `moved` said so.
        """
        failures: dict[Code, int] = {}
        while True:
            ticket = self.tickets.ticket()
            try:
                return self._try(line, part, ticket)
            except _Failed as failed:
                code = failed.code
                if code in OF_THE_LOGIN and not self.tickets.renew(ticket):
                    continue  # Another file met it first: the answer says nothing of this one.
                failures[code] = failures.get(code, 0) + 1
                if not self._may_retry(code, failures[code]):
                    raise failure(_shown(code), self.server, line.label) from None
                if code not in OF_THE_LOGIN:
                    self.backoff.wait(failures[code])

    def _may_retry(self, code: Code, failed: int) -> bool:
        return failed < LOGINS_FOR_ONE_FILE if code in OF_THE_LOGIN else self.backoff.may_retry(code, failed)

    def _try(self, line: PlanLine, part: Path, ticket: Ticket) -> Fetched:
        measure = Measure()
        try:
            with closing(self._ask(line, ticket)) as answer:
                _check_answer(answer, line)
                self._receive(answer, line, part, measure)
        except HTTPError as error:
            raise _Failed(Code.XNAT_UNREACHABLE) from error
        found = verdict(measure, line)
        if found not in {None, Code.NOT_DICOM}:
            raise _Failed(found)
        return Fetched(measure.sha256, found)

    def _ask(self, line: PlanLine, ticket: Ticket) -> urllib3.BaseHTTPResponse:
        return self.client.request(
            "GET",
            self.server.rstrip("/") + line.uri,
            headers=_headers(ticket),
            preload_content=False,
            decode_content=False,
            redirect=False,
            retries=False,
        )

    def _receive(self, answer: urllib3.BaseHTTPResponse, line: PlanLine, part: Path, measure: Measure) -> None:
        try:
            self._save(answer, line, part, measure)
        except ProtocolError as error:
            # The connection ended within the body: a file cut short, and not a server that is away.
            raise _Failed(Code.LENGTH_WRONG) from error

    def _save(self, answer: urllib3.BaseHTTPResponse, line: PlanLine, part: Path, measure: Measure) -> None:
        try:
            with part.open("wb", buffering=0) as out:
                while chunk := answer.read(CHUNK):
                    measure.feed(chunk)
                    if measure.size > line.size:
                        raise _Failed(Code.LENGTH_WRONG)
                    out.write(chunk)
                    if not self.moved(len(chunk)):
                        raise Stopped
                os.fsync(out.fileno())
        except OSError as error:
            raise storage_failure(error, line.label) from error


def _headers(ticket: Ticket) -> dict[str, str]:
    cookies = "; ".join(f"{name}={value}" for name, value in ticket.cookies.items())
    return {"Cookie": cookies, "Accept-Encoding": "identity"}


def _check_answer(answer: urllib3.BaseHTTPResponse, line: PlanLine) -> None:
    status = answer.status
    if status == UNAUTHORISED:
        raise _Failed(Code.XNAT_LOGIN_REFUSED)
    if status in BUSY:
        raise _Failed(Code.XNAT_UNREACHABLE)
    if status != OK:
        raise _Failed(Code.XNAT_REFUSED)
    if answer.headers.get("Content-Length", str(line.size)) != str(line.size):
        html = answer.headers.get("Content-Type", "").startswith("text/html")
        raise _Failed(Code.XNAT_ANSWERED_HTML if html else Code.LENGTH_WRONG)


def _shown(code: Code) -> Code:
    """A login that was just renewed and is refused again is not expired: this account may not read the file."""
    return Code.XNAT_REFUSED if code is Code.XNAT_LOGIN_REFUSED else code


def client_for(server: str, connections: int, timeout: tuple[float, float]) -> urllib3.PoolManager:
    """A pool of connections to `server`, by the proxy the environment names, as the `xnat` client goes too.

    urllib3, and not the HTTP client of the other services, because it reads a large body at a fifth of the cost.
    """
    connect, read = timeout
    limits = urllib3.Timeout(connect=connect, read=read)
    parts = urlsplit(server)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.netloc):
        return urllib3.ProxyManager(proxy, maxsize=connections, timeout=limits)
    return urllib3.PoolManager(maxsize=connections, timeout=limits)
