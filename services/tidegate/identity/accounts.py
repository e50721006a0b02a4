"""Local accounts: argon2id hashes in the store. The hub's login form and the command line call this.

A wrong name costs the same work as a wrong password and gets the same answer, so neither words nor time tell which
names exist. The ledger never sees a password, nor a name that is no account: people type passwords into name fields.
"""

import re
import unicodedata
from datetime import datetime
from functools import cache
from typing import Final, Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import ValidationError

from tidegate.identity.attempts import Attempts
from tidegate.ledger import Actor, Event, Record
from tidegate.model import ExitCode, PersonRef, TidegateError
from tidegate.store import Account

MINIMUM_LENGTH: Final = 12
MAXIMUM_LENGTH: Final = 1024
# Each is a host name beside the people's own ones.
RESERVED_NAMES: Final = frozenset({"hub", "review", "governance", "services", "www", "tidegate"})
# A name is the first label of a host name and a folder.
NAME: Final = re.compile(r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$")
HASHER: Final = PasswordHasher()


class AccountStore(Protocol):
    """The part of the store accounts need."""

    def account(self, subject: str) -> Account | None: ...

    def put_account(self, account: Account, record: Record, now: datetime) -> None: ...

    def append(self, record: Record, now: datetime) -> None: ...


def add_account(
    store: AccountStore, subject: str, display_name: str, password: str, actor: Actor, now: datetime
) -> Account:
    """A new account.

    Raises:
        TidegateError: ``account_name_invalid``, ``account_name_reserved``, ``account_exists``, ``display_name_invalid``
            or ``password_too_short``; nothing is written then.
    """
    _check_name(subject)
    if store.account(subject) is not None:
        raise TidegateError("account_exists", f"There is already an account named {subject}.", "Choose another name.")
    account = _account(subject, display_name, _hash(password))
    store.put_account(account, _record(Event.ACCOUNT_ADDED, actor, subject), now)
    return account


def change_password(store: AccountStore, subject: str, password: str, actor: Actor, now: datetime) -> None:
    account = _existing(store, subject)
    changed = account.model_copy(update={"password_hash": _hash(password)})
    store.put_account(changed, _record(Event.ACCOUNT_PASSWORD_CHANGED, actor, subject), now)


def set_disabled(store: AccountStore, subject: str, disabled: bool, actor: Actor, now: datetime) -> None:  # noqa: FBT001
    """Shut an account, or open it again. The hub looks at every refresh, so an open session ends within seconds."""
    account = _existing(store, subject)
    event = Event.ACCOUNT_DISABLED if disabled else Event.ACCOUNT_ENABLED
    store.put_account(account.model_copy(update={"disabled": disabled}), _record(event, actor, subject), now)


def check_password(store: AccountStore, attempts: Attempts, name: str, password: str, now: datetime) -> PersonRef:
    """The person behind a name and password.

    Raises:
        TidegateError: ``login_refused``, the same for an unknown name, a wrong password and a disabled account;
            ``login_wait`` after repeated failures, without looking at the password.
    """
    attempts.check(name, now)
    account = store.account(name) if NAME.fullmatch(name) else None
    right = _verify(account.password_hash if account else _hash_of_nobody(), password)
    if account is None or not right or account.disabled:
        attempts.failed(name, now)
        _record_failure(store, account, now)
        raise TidegateError("login_refused", "The name or the password is wrong.", "Check both and try again.")
    attempts.succeeded(name)
    _record_success(store, account, password, now)
    return account.person


def _record_failure(store: AccountStore, account: Account | None, now: datetime) -> None:
    """Only for names that are accounts: anybody could fill the ledger with names that are none."""
    if account is not None:
        detail: dict[str, str | int | bool | list[str] | None] = {"disabled": account.disabled}
        actor = Actor.service("hub")
        store.append(_record(Event.LOGIN_FAILED, actor, account.person.subject, detail), now)


def _record_success(store: AccountStore, account: Account, password: str, now: datetime) -> None:
    record = _record(Event.LOGIN_SUCCEEDED, Actor.person(account.person), account.person.subject)
    if HASHER.check_needs_rehash(account.password_hash):
        store.put_account(account.model_copy(update={"password_hash": HASHER.hash(_folded(password))}), record, now)
    else:
        store.append(record, now)


def _existing(store: AccountStore, subject: str) -> Account:
    account = store.account(subject)
    if account is None:
        raise TidegateError(
            "account_unknown", f"There is no account named {subject}.", "Check the name.", ExitCode.NOT_FOUND
        )
    return account


def _check_name(subject: str) -> None:
    if not NAME.fullmatch(subject) or "--" in subject:
        raise TidegateError(
            "account_name_invalid",
            f"{subject!r} cannot be an account's name: it becomes a host name.",
            "Use 2 to 32 small letters, digits and single hyphens, a letter first and no hyphen last.",
            ExitCode.USAGE,
        )
    if subject in RESERVED_NAMES:
        raise TidegateError(
            "account_name_reserved",
            f"{subject} is the name of a part of Tidegate and cannot be an account's.",
            f"Choose a name other than {', '.join(sorted(RESERVED_NAMES))}.",
            ExitCode.USAGE,
        )


def _account(subject: str, display_name: str, password_hash: str) -> Account:
    try:
        return Account(person=PersonRef(subject=subject), display_name=display_name, password_hash=password_hash)
    except ValidationError as error:
        raise TidegateError(
            "display_name_invalid",
            f"The display name of {subject} must be one line of 1 to 200 characters.",
            "Give a name people know them by.",
            ExitCode.USAGE,
        ) from error


def _hash(password: str) -> str:
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        raise TidegateError(
            "password_too_short" if len(password) < MINIMUM_LENGTH else "password_too_long",
            f"A password has {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} characters.",
            "Choose a longer one; a few unrelated words do well." if len(password) < MINIMUM_LENGTH else "",
            ExitCode.USAGE,
        )
    return HASHER.hash(_folded(password))


def _verify(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, _folded(password[: MAXIMUM_LENGTH + 1]))
    except (VerificationError, InvalidHashError):
        return False


def _folded(password: str) -> bytes:
    """One spelling for the same characters, whichever keyboard composed them; lone surrogates do not stop a login."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


@cache
def _hash_of_nobody() -> str:
    """A hash no password fits, verified for unknown names so that they cost the same work."""
    return HASHER.hash(b"\x00 nobody")


def _record(
    event: Event, actor: Actor, subject: str, detail: dict[str, str | int | bool | list[str] | None] | None = None
) -> Record:
    return Record(event=event, actor=actor, subject=f"account/{subject}", detail=detail or {})
