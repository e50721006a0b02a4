"""The one place that imports `xnat`: it logs in, asks for listings, and logs in again when a login has expired.

`walk` makes a plan from the rows; `transfer` borrows the login's cookies and does its own downloads, because the
client's own have no timeout, no retry, and save a login page as if it were the file.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Protocol, Self

import httpx2
import xnat
from xnat.exceptions import (
    XNATAuthError,
    XNATConnectionError,
    XNATError,
    XNATLoginFailedError,
    XNATResponseError,
    XNATValueError,
)
from xnat.session import BaseXNATSession

from provisioner.adapters.xnat.backoff import Backoff
from provisioner.adapters.xnat.failures import failure
from provisioner.domain.transfer import Code

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 120.0
BUSY: Final = frozenset({429, 500, 502, 503, 504})
UNAUTHORISED: Final = 401

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Credentials:
    """The account that pulls. A user name that is a UUID is an alias token."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ticket:
    """The cookies of one login; `number` tells it from the login before it."""

    number: int
    cookies: Mapping[str, str] = field(repr=False)


class Tickets(Protocol):
    """What a transfer needs of a login."""

    def ticket(self) -> Ticket: ...

    def renew(self, used: Ticket) -> bool: ...


class XnatConnection:
    """A login that listings and transfers share. A context manager: leaving it closes the session on the server.

    A name and password that were refused are not sent again, whoever asks: the server would lock the account.
    """

    def __init__(
        self, server: str, credentials: Credentials, backoff: Backoff, timeout: tuple[float, float] | None = None
    ) -> None:
        self.server = server
        self._credentials = credentials
        self._backoff = backoff
        self._timeout = timeout or (CONNECT_SECONDS, READ_SECONDS)
        self._lock = threading.Lock()
        self._number = 0
        self._session: Any = None
        self._refused = False

    def __enter__(self) -> Self:
        self._log_in()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def ticket(self) -> Ticket:
        with self._lock:
            return Ticket(self._number, self._session.interface.cookies.get_dict())

    def renew(self, used: Ticket) -> bool:
        """See to a login newer than `used`: whoever comes first logs in and is told so, the others take what it got."""
        with self._lock:
            if used.number != self._number:
                return False
            if self._refused:
                raise failure(Code.XNAT_LOGIN_REFUSED, self.server, "the login")
            self._close()
            self._log_in()
            return True

    def rows(self, path: str, columns: str = "") -> list[Row]:
        """A listing's rows. `columns` as XNAT wants them."""
        answer = self._ask(path, lambda: self._session.get_json(path, query={"columns": columns} if columns else None))
        try:
            rows: list[Row] = answer["ResultSet"]["Result"]
        except (KeyError, TypeError) as error:
            raise failure(Code.XNAT_ANSWER_UNREADABLE, self.server, path) from error
        return rows

    def fields(self, path: str) -> Row:
        """The raw fields of one object, as the server keeps them, not as the client presents them."""
        answer = self._ask(path, lambda: self._session.get_json(path))
        try:
            found: Row = next(i for i in answer["items"] if not i["meta"]["isHistory"])["data_fields"]
        except (KeyError, TypeError, StopIteration) as error:
            raise failure(Code.XNAT_ANSWER_UNREADABLE, self.server, path) from error
        return found

    def told(self, path: str) -> dict[str, Any]:
        """One object, as the server's services answer. The address may hold a token, so no error names it."""
        answer = self._ask(path, lambda: self._session.get_json(path), "one of its services")
        if not isinstance(answer, dict):
            raise failure(Code.XNAT_ANSWER_UNREADABLE, self.server, "one of its services")
        return answer

    def text(self, path: str) -> str:
        return str(self._ask(path, lambda: self._session.get(path)).text)

    def _ask(self, path: str, call: Callable[[], Any], what: str = "") -> Any:  # noqa: ANN401 - whatever JSON came
        failed = 0
        while True:
            used = self.ticket()
            try:
                return call()
            except (XNATError, OSError, ValueError) as error:
                failed += 1
                code = _code_of(error)
                if code in {Code.XNAT_LOGIN_REFUSED, Code.XNAT_ANSWERED_HTML} and failed == 1:
                    self.renew(used)
                elif self._backoff.may_retry(code, failed):
                    self._backoff.wait(failed)
                else:
                    shown = Code.XNAT_REFUSED if code is Code.XNAT_LOGIN_REFUSED else code
                    raise failure(shown, self.server, what or path) from (None if what else error)

    def _log_in(self) -> None:
        failed = 0
        while True:
            try:
                self._session = self._connect()
            except (XNATError, OSError, ValueError) as error:
                failed += 1
                code = self._login_code(error)
                self._refused = code is Code.XNAT_LOGIN_REFUSED
                if not self._backoff.may_retry(code, failed):
                    raise failure(code, self.server, "the login") from None
                self._backoff.wait(failed)
            else:
                self._number += 1
                return

    def _connect(self) -> BaseXNATSession:
        session = xnat.connect(
            self.server,
            user=self._credentials.user,
            password=self._credentials.password,
            no_parse_model=True,
            logger=_silent(),
            default_timeout=self._timeout,
            pilot_timeout=self._timeout,
        )
        # A failed heartbeat would end the client's thread with a traceback; an expired login is renewed anyway.
        session.keepalive = False
        return session

    def _login_code(self, error: Exception) -> Code:
        """The client calls every failed login refused, also when the server was down: ask whether it is."""
        if not isinstance(error, XNATAuthError | XNATLoginFailedError):
            return _code_of(error)
        try:
            status = httpx2.get(f"{self.server.rstrip('/')}/data/auth", timeout=self._timeout[1]).status_code
        except httpx2.HTTPError:
            return Code.XNAT_UNREACHABLE
        return Code.XNAT_UNREACHABLE if status in BUSY else Code.XNAT_LOGIN_REFUSED

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        try:
            session.disconnect()
        except (XNATError, OSError):
            # The server forgot the login before we could close it; this closes our side.
            BaseXNATSession.disconnect(session)


def _code_of(error: Exception) -> Code:
    if isinstance(error, XNATResponseError):
        return _code_of_status(error.status_code)
    if isinstance(error, XNATConnectionError):
        return Code.XNAT_UNREACHABLE
    if isinstance(error, XNATValueError):
        return Code.XNAT_ANSWER_UNREADABLE
    # A login page taken for a session's id cannot be sent as a cookie: a ValueError. All else is the network.
    return Code.XNAT_ANSWERED_HTML if isinstance(error, ValueError) else Code.XNAT_UNREACHABLE


def _code_of_status(status: int) -> Code:
    if status == UNAUTHORISED:
        return Code.XNAT_LOGIN_REFUSED
    if status in BUSY:
        return Code.XNAT_UNREACHABLE
    return Code.XNAT_ANSWERED_HTML if status == httpx2.codes.OK else Code.XNAT_REFUSED


def _silent() -> logging.Logger:
    """The client logs addresses with names in them; a refusal of ours says what a person needs."""
    logger = logging.getLogger("tidegate.xnat-client")
    logger.setLevel(logging.CRITICAL + 1)
    return logger
