"""Who is logged in to the sample server: JSESSIONIDs that expire when unused, passwords and alias tokens."""

import base64
import binascii
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sample_xnat.tokens import AliasTokens

FIFTEEN_MINUTES: Final = 15 * 60.0
MOST_SESSIONS: Final = 1000


@dataclass(frozen=True, slots=True)
class Account:
    """A user. `aliases` are tokens: a UUID as the name and a secret, standing for the user."""

    user: str
    password: str
    aliases: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Account({self.user})"


@dataclass(slots=True)
class _Session:
    user: str
    last_used: float


class Logins:
    """Sessions by their id. Each use puts the end off, as XNAT does."""

    def __init__(
        self, account: Account, lasts: float = FIFTEEN_MINUTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.lasts = lasts
        self._account = account
        self._clock = clock
        self.tokens = AliasTokens(account.aliases, account.user)
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()
        self.started = 0

    def log_in(self, user: str, password: str) -> str | None:
        """A new session's id, or None where the name or password is wrong, or too many sessions are open."""
        if not self._knows(user, password):
            return None
        with self._lock:
            self._forget_expired()
            if len(self._sessions) >= MOST_SESSIONS:
                return None
            token = secrets.token_hex(16).upper()
            self._sessions[token] = _Session(self._account.user, self._clock())
            self.started += 1
            return token

    def _knows(self, user: str, password: str) -> bool:
        if self.tokens.user_of(user, password) is not None:
            return True
        right = hmac.compare_digest(self._account.password.encode(), password.encode())
        return right and user == self._account.user and bool(password)

    def change_password(self, password: str) -> None:
        """Sessions and alias tokens go on."""
        self._account = replace(self._account, password=password)

    def log_in_basic(self, header: str) -> str | None:
        """The same from an ``Authorization: Basic`` header."""
        try:
            user, _, password = base64.b64decode(header.removeprefix("Basic "), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self.log_in(user, password)

    def user_of(self, token: str) -> str | None:
        """Whose live session this is; asking keeps it alive."""
        with self._lock:
            self._forget_expired()
            session = self._sessions.get(token)
            if session is None:
                return None
            session.last_used = self._clock()
            return session.user

    def log_out(self, token: str) -> None:
        with self._lock:
            self._sessions.pop(token, None)

    def expire_all(self) -> None:
        """What a restart of XNAT does to everyone."""
        with self._lock:
            self._sessions.clear()

    def open_sessions(self) -> int:
        with self._lock:
            self._forget_expired()
            return len(self._sessions)

    def _forget_expired(self) -> None:
        now = self._clock()
        for token in [t for t, s in self._sessions.items() if now - s.last_used >= self.lasts]:
            del self._sessions[token]
