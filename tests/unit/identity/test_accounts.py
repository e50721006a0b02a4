"""Accounts and passwords: what is refused, what is kept, and what nobody may learn."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.identity import (
    MINIMUM_LENGTH,
    RESERVED_NAMES,
    Attempts,
    accounts,
    add_account,
    change_password,
    check_password,
    set_disabled,
)
from tidegate.ledger import Actor, Event
from tidegate.ledger.verify import read_row
from tidegate.model import TidegateError
from tidegate.store import SqliteStore

REAL = accounts.HASHER
NOW = datetime(2030, 1, 1, tzinfo=UTC)
ACTOR = Actor.service("test")
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm with less work; one test looks at the real figures."""
    monkeypatch.setattr(accounts, "HASHER", PasswordHasher(time_cost=2, memory_cost=64, parallelism=1))
    accounts._hash_of_nobody.cache_clear()


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "tidegate.db", "test")


@pytest.fixture
def rosa(store: SqliteStore) -> SqliteStore:
    add_account(store, "rosa", "Rosa", PASSWORD, ACTOR, NOW)
    return store


def code_of(store: SqliteStore, name: str, password: str, attempts: Attempts | None = None) -> str:
    with pytest.raises(TidegateError) as caught:
        check_password(store, attempts or Attempts(), name, password, NOW)
    return caught.value.code


def events(store: SqliteStore) -> list[Event]:
    return [entry.record.event for entry in store.entries("test")]


def test_the_right_password_gives_the_person(rosa: SqliteStore) -> None:
    person = check_password(rosa, Attempts(), "rosa", PASSWORD, NOW)
    assert (person.issuer, person.subject) == ("local", "rosa")
    assert events(rosa) == [Event.ACCOUNT_ADDED, Event.LOGIN_SUCCEEDED]


@pytest.mark.parametrize(
    ("name", "password"),
    [("rosa", "wrong"), ("rosa", ""), ("nobody", PASSWORD), ("", ""), ("../etc", PASSWORD), ("rosa\x00", PASSWORD)],
)
def test_everything_wrong_gets_the_same_answer(rosa: SqliteStore, name: str, password: str) -> None:
    assert code_of(rosa, name, password) == "login_refused"


def test_a_disabled_account_is_refused_with_its_own_password(rosa: SqliteStore) -> None:
    set_disabled(rosa, "rosa", True, ACTOR, NOW)
    assert code_of(rosa, "rosa", PASSWORD) == "login_refused"
    set_disabled(rosa, "rosa", False, ACTOR, NOW)
    assert check_password(rosa, Attempts(), "rosa", PASSWORD, NOW)
    assert events(rosa)[1:] == [
        Event.ACCOUNT_DISABLED,
        Event.LOGIN_FAILED,
        Event.ACCOUNT_ENABLED,
        Event.LOGIN_SUCCEEDED,
    ]


def test_neither_database_nor_ledger_holds_a_password(rosa: SqliteStore, tmp_path: Path) -> None:
    code_of(rosa, "rosa", "a wrong one entirely")
    code_of(rosa, "typed-in-the-name-field", "x")
    check_password(rosa, Attempts(), "rosa", PASSWORD, NOW)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for text in (PASSWORD, "a wrong one entirely", "typed-in-the-name-field"):
        assert text.encode() not in written
    account = rosa.account("rosa")
    assert account is not None
    assert account.password_hash.startswith("$argon2id$")


def test_an_unknown_name_costs_the_same_work(rosa: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """One hash is verified whether the account exists or not."""
    verified: list[str] = []

    real = accounts.HASHER

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 - the library's name
            verified.append(str(hash)[:10])
            return real.verify(hash, password)

    monkeypatch.setattr(accounts, "HASHER", Counting())
    for name in ("rosa", "nobody", "not/a/name"):
        code_of(rosa, name, "wrong")
    assert verified == ["$argon2id$"] * 3


def test_an_old_hash_is_renewed_at_login(rosa: SqliteStore) -> None:
    account = rosa.account("rosa")
    assert account is not None
    weak = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    record = accounts._record(Event.ACCOUNT_ADDED, ACTOR, "rosa")
    rosa.put_account(account.model_copy(update={"password_hash": weak}), record, NOW)
    check_password(rosa, Attempts(), "rosa", PASSWORD, NOW)
    renewed = rosa.account("rosa")
    assert renewed is not None
    assert renewed.password_hash != weak
    assert check_password(rosa, Attempts(), "rosa", PASSWORD, NOW)


def test_the_real_figures_are_those_of_rfc_9106() -> None:
    """Argon2id with 64 MiB, three passes, four lanes: the RFC's second recommended choice."""
    assert (REAL.type.name, REAL.memory_cost, REAL.time_cost, REAL.parallelism) == ("ID", 65536, 3, 4)
    assert (REAL.salt_len, REAL.hash_len) == (16, 32)


def test_a_broken_hash_refuses(rosa: SqliteStore) -> None:
    account = rosa.account("rosa")
    assert account is not None
    record = accounts._record(Event.ACCOUNT_ADDED, ACTOR, "rosa")
    rosa.put_account(account.model_copy(update={"password_hash": "not a hash"}), record, NOW)
    assert code_of(rosa, "rosa", PASSWORD) == "login_refused"


def test_a_changed_password_replaces_the_old_one(rosa: SqliteStore) -> None:
    change_password(rosa, "rosa", "another long enough one", ACTOR, NOW)
    assert code_of(rosa, "rosa", PASSWORD) == "login_refused"
    assert check_password(rosa, Attempts(), "rosa", "another long enough one", NOW)


def test_a_changed_password_is_recorded_without_it(rosa: SqliteStore) -> None:
    change_password(rosa, "rosa", "another long enough one", ACTOR, NOW)
    last = [entry.record for rows in rosa.rows().values() for row in rows if (entry := read_row(row))][-1]
    assert (last.event, last.subject) == (Event.ACCOUNT_PASSWORD_CHANGED, "account/rosa")
    assert "another" not in last.model_dump_json()


def test_the_same_characters_typed_differently_are_the_same_password(store: SqliteStore) -> None:
    add_account(store, "zoe", "Zoë", "caf\u00e9 au lait please", ACTOR, NOW)
    assert check_password(store, Attempts(), "zoe", "cafe\u0301 au lait please", NOW)


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_names_of_our_own_hosts_are_reserved(store: SqliteStore, name: str) -> None:
    with pytest.raises(TidegateError, match="account_name_reserved"):
        add_account(store, name, "Somebody", PASSWORD, ACTOR, NOW)


@pytest.mark.parametrize(
    "name", ["", "a", "Rosa", "rosa.b", "rosa_b", "-rosa", "rosa-", "1rosa", "a--b", "rosa/x", "ro sa", "r" * 33, "röb"]
)
def test_names_that_could_not_be_hosts_are_refused(store: SqliteStore, name: str) -> None:
    with pytest.raises(TidegateError, match="account_name_invalid"):
        add_account(store, name, "Somebody", PASSWORD, ACTOR, NOW)
    assert store.accounts() == ()


@pytest.mark.parametrize(
    ("display", "password", "code"),
    [
        ("Rosa", "p" * (MINIMUM_LENGTH - 1), "password_too_short"),
        ("Rosa", "p" * 1025, "password_too_long"),
        ("", PASSWORD, "display_name_invalid"),
        ("two\nlines", PASSWORD, "display_name_invalid"),
    ],
)
def test_what_is_wrong_with_a_new_account_is_said(store: SqliteStore, display: str, password: str, code: str) -> None:
    with pytest.raises(TidegateError) as caught:
        add_account(store, "rosa", display, password, ACTOR, NOW)
    assert caught.value.code == code
    assert password not in str(caught.value)
    assert store.accounts() == ()
    assert events(store) == []


def test_an_account_is_not_made_twice(rosa: SqliteStore) -> None:
    with pytest.raises(TidegateError, match="account_exists"):
        add_account(rosa, "rosa", "Another Rosa", PASSWORD, ACTOR, NOW)


@pytest.mark.parametrize("change", [change_password, set_disabled])
def test_changing_an_unknown_account_is_refused(store: SqliteStore, change: object) -> None:
    with pytest.raises(TidegateError, match="account_unknown"):
        change(store, "nobody", PASSWORD, ACTOR, NOW)  # type: ignore[operator]


def test_guessing_waits_longer_each_time(rosa: SqliteStore) -> None:
    attempts = Attempts()
    for _ in range(5):
        assert code_of(rosa, "rosa", "wrong", attempts) == "login_refused"
    assert code_of(rosa, "rosa", PASSWORD, attempts) == "login_wait"


def test_a_wait_looks_at_no_password_and_writes_nothing(rosa: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = Attempts()
    for _ in range(5):
        attempts.failed("rosa", NOW)
    monkeypatch.setattr(accounts, "_verify", None)
    before = events(rosa)
    assert code_of(rosa, "rosa", PASSWORD, attempts) == "login_wait"
    assert events(rosa) == before


@pytest.mark.parametrize(
    ("failures", "seconds"), [(4, 0), (5, 15), (6, 30), (7, 60), (8, 120), (10, 480), (11, 900), (40, 900)]
)
def test_the_wait_doubles_up_to_a_quarter_of_an_hour(failures: int, seconds: int) -> None:
    attempts = Attempts()
    for _ in range(failures):
        attempts.failed("rosa", NOW)
    if seconds:
        with pytest.raises(TidegateError, match=f"in {seconds} seconds"):
            attempts.check("rosa", NOW)
    attempts.check("rosa", NOW + timedelta(seconds=seconds))


def test_a_wait_is_that_names_alone_and_ends_with_success() -> None:
    attempts = Attempts()
    for _ in range(6):
        attempts.failed("rosa", NOW)
    attempts.check("ravi", NOW)
    attempts.succeeded("rosa")
    attempts.check("rosa", NOW)


def test_failures_are_forgotten_after_an_hour() -> None:
    attempts = Attempts()
    for _ in range(30):
        attempts.failed("rosa", NOW)
    later = NOW + timedelta(hours=1)
    attempts.failed("rosa", later)
    attempts.check("rosa", later)


def test_the_memory_of_names_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.identity.attempts.MOST_NAMES", 10)
    attempts = Attempts()
    for number in range(50):
        attempts.failed(f"name-{number}", NOW)
    assert len(attempts._by_name) == 10


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_breaks_a_login(name: str, password: str) -> None:
    """Refused, never an exception of another kind, whatever is typed."""

    class Nobody:
        def account(self, _subject: str) -> None:
            return None

    with pytest.raises(TidegateError, match="login_refused"):
        check_password(Nobody(), Attempts(), name, password, NOW)  # type: ignore[arg-type]
