"""The database keeps the ledger's promises by itself: append-only, in order, each role its own chain, fenced."""

import contextlib
import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from model_kit import NOW
from postgres_kit import PASSWORDS, Server, bare, postgres
from tidegate.ledger import POSTGRES_LOCK, Actor, Event, LedgerTable, Record, verify
from tidegate.model import PersonRef, TidegateError
from tidegate.store import Account
from tidegate.store.postgres import Database, PostgresAccounts, PostgresLedger, create_roles, migrate
from tidegate.store.postgres.migrate import OWNER, SERVICES, migrations

CHAIN_OF = {
    "tidegate_provisioner": "provisioner",
    "tidegate_hub": "workspace",
    "tidegate_egress": "egress",
    "tidegate_governance": "governance",
}
RECORD = Record(event=Event.RESOURCE_CREATED, actor=Actor.service("test"), subject="Dataset/x")
INSERT = "INSERT INTO tidegate.ledger (chain, seq, at, previous, record, digest) VALUES (%s, %s, 'at', %s, '{}', %s)"


def every(*axes: Iterable[object]) -> list[tuple[object, ...]]:
    return list(itertools.product(*axes))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres() as running:
        for role, chain in CHAIN_OF.items():
            running.ledger(role, chain).append(RECORD, NOW)
        yield running


def refused(server: Server, role: str, sql: str, *values: object) -> str:
    """The error's class for this SQL, tried by this role and rolled back whatever comes."""
    with psycopg.connect(server.url(role)) as connection:
        try:
            connection.execute(sql.encode(), values)
        except psycopg.Error as error:
            return type(error).__name__
        finally:
            connection.rollback()
    return ""


@pytest.mark.parametrize(("role", "chain"), every(SERVICES, CHAIN_OF.values()))
def test_a_role_appends_to_its_own_chain_and_no_other(server: Server, role: str, chain: str) -> None:
    ledger = server.ledger(role, chain)
    if CHAIN_OF[role] == chain:
        assert ledger.append(RECORD, NOW).chain == chain
    else:
        with pytest.raises(TidegateError, match="database_denied"):
            ledger.append(RECORD, NOW)


@pytest.mark.parametrize("role", SERVICES)
def test_a_role_reads_its_own_chain_and_governance_all(server: Server, role: str) -> None:
    seen = set(server.ledger(role, CHAIN_OF[role]).chains())
    assert seen == (set(CHAIN_OF.values()) if role == "tidegate_governance" else {CHAIN_OF[role]})


@pytest.mark.parametrize("role", SERVICES)
def test_only_those_who_compare_know_where_all_chains_end(server: Server, role: str) -> None:
    ledger = server.ledger(role, CHAIN_OF[role])
    if role in {"tidegate_provisioner", "tidegate_governance"}:
        assert set(ledger.heads()) == set(CHAIN_OF.values())
    else:
        with pytest.raises(TidegateError, match="database_denied"):
            ledger.heads()


CHANGES = (
    "UPDATE tidegate.ledger SET record = '{}'",
    "UPDATE tidegate.ledger SET record = '{}' WHERE false",
    "DELETE FROM tidegate.ledger",
    "DELETE FROM tidegate.ledger WHERE false",
    "TRUNCATE tidegate.ledger CASCADE",
)


@pytest.mark.parametrize(("role", "sql"), every((*SERVICES, OWNER), CHANGES))
def test_nobody_changes_what_is_written(server: Server, role: str, sql: str) -> None:
    """Not the owner of the table either, while the triggers stand; and who takes them away is no service."""
    assert refused(server, role, sql) == "InsufficientPrivilege"


def test_the_triggers_hold_in_a_session_that_leaves_triggers_out(server: Server) -> None:
    """`session_replication_role = replica` switches ordinary triggers off."""
    with psycopg.connect(server.url("admin")) as connection:
        connection.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            connection.execute("DELETE FROM tidegate.ledger")


FORBIDDEN = (
    "ALTER TABLE tidegate.ledger DISABLE TRIGGER ALL",
    "ALTER TABLE tidegate.ledger DISABLE ROW LEVEL SECURITY",
    "DROP TABLE tidegate.ledger CASCADE",
    "DROP TRIGGER ledger_no_delete ON tidegate.ledger",
    "CREATE TABLE tidegate.mine (x int)",
    "CREATE TABLE public.mine (x int)",
    "CREATE TEMPORARY TABLE mine (x int)",
    "CREATE ROLE mine",
    "SET ROLE tidegate_owner",
    "SELECT * FROM tidegate.migrations",
    "INSERT INTO tidegate.migrations (name, sha256) VALUES ('x', 'y')",
    "COPY tidegate.ledger TO PROGRAM 'true'",
    "SET session_replication_role = replica",
)


@pytest.mark.parametrize(("role", "sql"), every(SERVICES, FORBIDDEN))
def test_no_service_takes_its_own_guard_away(server: Server, role: str, sql: str) -> None:
    assert refused(server, role, sql) == "InsufficientPrivilege"


VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
TABLES = ("ledger", "intents", "fences", "accounts", "heads", "migrations")
OF_COLUMNS = {"SELECT", "INSERT", "UPDATE", "REFERENCES"}
# What a role may do with a table, or with columns of it.
MAY = {
    **{(role, "ledger"): {"SELECT", "INSERT"} for role in SERVICES},
    ("tidegate_provisioner", "heads"): {"SELECT"},
    ("tidegate_governance", "heads"): {"SELECT"},
    ("tidegate_provisioner", "intents"): {"SELECT", "INSERT", "DELETE"},
    ("tidegate_governance", "intents"): {"SELECT", "INSERT", "DELETE"},
    ("tidegate_provisioner", "fences"): {"SELECT", "INSERT", "UPDATE"},
    ("tidegate_governance", "accounts"): {"SELECT", "INSERT", "UPDATE"},
    ("tidegate_hub", "accounts"): {"SELECT", "UPDATE"},
    ("tidegate_egress", "accounts"): {"SELECT"},
}


@pytest.mark.parametrize(("role", "table", "verb"), every(SERVICES, TABLES, VERBS))
def test_rights_are_these_and_no_more(server: Server, role: str, table: str, verb: str) -> None:
    """Asked of the server itself, so that row-level security is not taken for a right."""
    questions = ["has_table_privilege", *(["has_any_column_privilege"] if verb in OF_COLUMNS else [])]
    with psycopg.connect(server.url(OWNER)) as connection:
        asked = (f"SELECT {question}('{role}', 'tidegate.{table}', '{verb}')" for question in questions)
        may = any(connection.execute(sql.encode()).fetchone() == (True,) for sql in asked)
    assert may == (verb in MAY.get((role, table), set()))


def test_the_egress_service_never_sees_a_hash(server: Server) -> None:
    assert refused(server, "tidegate_egress", "SELECT password_hash FROM tidegate.accounts") == "InsufficientPrivilege"
    assert refused(server, "tidegate_egress", "SELECT * FROM tidegate.accounts") == "InsufficientPrivilege"
    blind = PostgresAccounts(server.ledger("tidegate_egress", "egress"), hashes=False)
    assert blind.account("nobody") is None


def test_the_hub_renews_a_hash_and_makes_no_account(server: Server) -> None:
    made = Account.model_validate({"person": {"subject": "rosa"}, "displayName": "Rosa", "passwordHash": "$old"})
    PostgresAccounts(server.ledger("tidegate_governance", "governance")).put_account(made, RECORD, NOW)
    hub = PostgresAccounts(server.ledger("tidegate_hub", "workspace"))
    renewed = made.model_copy(update={"password_hash": "$new"})
    hub.put_account(renewed, RECORD, NOW)
    assert hub.account("rosa") == renewed
    other = made.model_copy(update={"person": PersonRef(subject="mallory")})
    with pytest.raises(TidegateError, match="database_denied"):
        hub.put_account(other, RECORD, NOW)
    blind = PostgresAccounts(server.ledger("tidegate_egress", "egress"), hashes=False)
    assert blind.account("rosa") == made.model_copy(update={"password_hash": ""})


FORGED = (
    ("a gap", 2, ""),
    ("a second of the same number", 0, ""),
    ("a beginning anew", None, "0" * 64),
    ("one that names another before it", 1, "f" * 64),
)


@pytest.mark.parametrize(("what", "step", "previous"), FORGED, ids=[case[0] for case in FORGED])
def test_a_row_goes_to_the_end_of_its_chain_or_nowhere(
    server: Server, what: str, step: int | None, previous: str
) -> None:
    """A service that was broken into cannot write its history beside the true one. (`what` names the case.)"""
    assert what
    last = server.ledger("tidegate_hub", "workspace").entries("workspace")[-1]
    seq = 1 if step is None else last.seq + step
    values = ("workspace", seq, previous or last.digest, "e" * 64)
    assert refused(server, "tidegate_hub", INSERT, *values) in {"SerializationFailure", "UniqueViolation"}


def test_appenders_in_parallel_make_one_chain(server: Server) -> None:
    """Each with a connection of its own, as replicas of a service are."""

    def append(number: int) -> None:
        database = Database(lambda: server.url("tidegate_egress"))
        try:
            PostgresLedger(database, "egress").append(RECORD.model_copy(update={"subject": f"x/{number}"}), NOW)
        finally:
            database.close()

    before = len(server.ledger("tidegate_egress", "egress").entries("egress"))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(append, range(30)))
    reader = server.ledger("tidegate_governance", "governance")
    assert len(reader.entries("egress")) == before + 30
    assert verify(reader.rows(), reader.heads()) == []


def test_the_table_takes_the_lock_where_another_driver_appends(server: Server) -> None:
    """As the web service does through Django: the same table, inside its own transaction, rolled back with it."""
    table = LedgerTable("egress", "%s", POSTGRES_LOCK)
    database = server.database("tidegate_egress")
    with database.transaction() as rows:
        entry = table.append(rows, RECORD, NOW)
    with contextlib.suppress(ZeroDivisionError), database.transaction() as rows:
        table.append(rows, RECORD, NOW)
        raise ZeroDivisionError
    assert server.ledger("tidegate_egress", "egress").entries("egress")[-1] == entry


def test_a_paused_leader_is_fenced_off(server: Server) -> None:
    """Its Lease went to another while it slept: it can neither begin a write nor say anything, and writes no row."""
    ledger = server.ledger("tidegate_provisioner", "provisioner")
    ledger.intend(RECORD, NOW, "old", fence=3)
    ledger.close(ledger.intend(RECORD, NOW, "new", fence=4), [RECORD], NOW)
    before = len(ledger.entries("provisioner"))
    with pytest.raises(TidegateError, match="lease_lost"):
        ledger.intend(RECORD, NOW, "late", fence=3)
    with pytest.raises(TidegateError, match="lease_lost"):
        ledger.append(RECORD, NOW, fence=3)
    assert len(ledger.entries("provisioner")) == before
    assert [intent.body for intent in ledger.open_intents()] == ["old"]
    assert refused(server, "tidegate_provisioner", "UPDATE tidegate.fences SET token = 1") == "InsufficientPrivilege"


def test_an_intent_is_closed_once(server: Server) -> None:
    ledger = server.ledger("tidegate_governance", "governance")
    intent = ledger.intend(RECORD, NOW, "body")
    before = len(ledger.entries("governance"))
    ledger.close(intent, [RECORD], NOW)
    ledger.close(intent, [RECORD], NOW)
    assert len(ledger.entries("governance")) == before + 1
    assert intent not in ledger.open_intents()


def test_the_statements_of_the_operator_s_guide_are_enough() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "operator" / "database.md").read_text(encoding="utf-8")
    (statements,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    with bare() as server:
        with psycopg.connect(server.url("admin", "postgres"), autocommit=True) as connection:
            for statement in statements.split(";\n"):
                role = statement.split()[2] if statement.startswith("CREATE ROLE") else ""
                connection.execute(statement.replace("...", PASSWORDS.get(role, "")).encode())
        assert len(migrate(server.url(OWNER))) == len(migrations())
        assert server.ledger("tidegate_hub", "workspace").append(RECORD, NOW).seq == 1


def test_migrating_again_and_twice_at_once_changes_nothing(server: Server) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(migrate, [server.url(OWNER)] * 2)) == [(), ()]


def test_making_the_roles_again_changes_nothing_but_passwords(server: Server) -> None:
    create_roles(server.url("admin", "postgres"), "tidegate", PASSWORDS)
    assert server.ledger("tidegate_hub", "workspace").chains() == ("workspace",)


def test_a_database_without_its_roles_is_said(server: Server) -> None:
    with psycopg.connect(server.url("admin", "postgres"), autocommit=True) as connection:
        connection.execute("ALTER ROLE tidegate_hub RENAME TO moved_away")
        try:
            with pytest.raises(TidegateError, match="tidegate_hub"):
                migrate(server.url(OWNER))
        finally:
            connection.execute("ALTER ROLE moved_away RENAME TO tidegate_hub")
    create_roles(server.url("admin", "postgres"), "tidegate", PASSWORDS)


def test_a_migration_that_was_edited_is_refused(server: Server) -> None:
    with psycopg.connect(server.url(OWNER)) as connection:
        connection.execute("UPDATE tidegate.migrations SET sha256 = 'x' WHERE name LIKE '0001%'")
    try:
        with pytest.raises(TidegateError, match="migration_changed"):
            migrate(server.url(OWNER))
    finally:
        with psycopg.connect(server.url(OWNER)) as connection:
            connection.execute("DELETE FROM tidegate.migrations WHERE sha256 = 'x'")
            connection.execute(
                "INSERT INTO tidegate.migrations (name, sha256) VALUES ('0001_ledger.sql', %s)", (_digest(),)
            )


def test_a_server_that_restarts_is_found_again_and_no_password_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "database-url").write_text(server.url("tidegate_hub"))
    ledger = PostgresLedger(Database.of_file(tmp_path / "database-url"), "workspace")
    try:
        ledger.append(RECORD, NOW)
        server.stop()
        with pytest.raises(TidegateError) as told:
            ledger.append(RECORD, NOW)
        assert told.value.code == "database_unavailable"
        assert PASSWORDS["tidegate_hub"] not in str(told.value)
        server.start()
        assert ledger.append(RECORD, NOW).chain == "workspace"
    finally:
        ledger.database.close()


def _digest() -> str:
    return hashlib.sha256(migrations()["0001_ledger.sql"].encode()).hexdigest()
