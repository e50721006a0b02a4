"""Review's place on a cluster: settings, secrets, mistakes told by name, and what is said when a part is down."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from egress_attacks_kit import HOST, browser
from egress_kit import World, code_of
from egress_review.adapters.db.postgres import OPTIONS, database_of
from egress_review.adapters.packs import BucketPacks
from egress_review.application import drafts
from egress_review.bootstrap import alive
from egress_review.bootstrap.cluster import read_cluster
from egress_review.bootstrap.worker import Worker
from egress_review.domain.status import Status
from tidegate.model import TidegateError

USUAL: dict[str, Any] = {
    "publicUrl": "https://review.tre.example",
    "hubPublicUrl": "https://tre.example/hub/",
    "objectStore": {"endpoint": "https://s3.example:9000", "region": "eu-west-2"},
}
SECRETS = {
    "database-url": "postgresql://tidegate_egress:p%40ss@db.example:5433/tidegate?sslmode=verify-full",
    "egress-key": "k" * 64,
    "hub-token-egress": "token-of-review",
    "retention-token": "token-of-the-provisioner",
}


def environ(folder: Path, settings: Any = USUAL) -> dict[str, str]:
    (folder / "settings.json").write_text(json.dumps(settings))
    for name, text in SECRETS.items():
        (folder / name).write_text(text + "\n")
    return {
        "TIDEGATE_SETTINGS": str(folder / "settings.json"),
        "TIDEGATE_SECRETS": str(folder),
        "TIDEGATE_HUB_SERVICE_HOST": "10.96.0.7",
        "TIDEGATE_EGRESS_SERVICE_HOST": "10.96.0.9",
    }


def test_names_are_those_of_the_release(tmp_path: Path) -> None:
    named = {**USUAL, "hubService": "second-one-hub", "ownService": "second-one-egress"}
    told = {"SECOND_ONE_HUB_SERVICE_HOST": "10.96.1.7", "SECOND_ONE_EGRESS_SERVICE_HOST": "10.96.1.9"}
    place = read_cluster({**environ(tmp_path, named), **told})
    assert place.hub_api == "http://10.96.1.7:8081/hub/api"
    assert {"10.96.1.9", "second-one-egress"} <= set(place.hosts)
    assert not {"10.96.0.9", "tidegate-egress"} & set(place.hosts)


def test_settings_and_secret_files_make_a_place(tmp_path: Path) -> None:
    place = read_cluster(environ(tmp_path))
    assert (place.address, place.port, place.public_url) == ("0.0.0.0", 8003, "https://review.tre.example")  # noqa: S104
    assert place.hub_api == "http://10.96.0.7:8081/hub/api"
    assert {"review.tre.example", "10.96.0.9", "tidegate-egress"} <= set(place.hosts)
    assert place.login.redirect_url == "https://review.tre.example/oauth/callback"
    assert (place.login.client_secret, place.secret_key()) == ("token-of-review", "k" * 64)
    assert "token-of-review" not in repr(place)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"publicUrl": "review.tre.example"}, "publicUrl"),
        ({"publicUrl": "https://review.tre.example/x"}, "publicUrl"),
        ({"hubPublicUrl": "https://tre.example"}, "hubPublicUrl"),
        ({"objectStore": {"endpoint": "https://s3.example"}}, "objectStore.region"),
        ({"objectStore": None}, "objectStore"),
        ({"port": 80}, "port"),
        ({"leaseSeconds": 0}, "leaseSeconds"),
        ({"databaseUrl": "postgresql://x"}, "databaseUrl"),
    ],
)
def test_a_mistake_in_the_settings_is_told_by_its_field(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    with pytest.raises(TidegateError) as raised:
        read_cluster(environ(tmp_path, {**USUAL, **change}))
    assert (raised.value.code, named in raised.value.sentence) == ("settings_invalid", True)


@pytest.mark.parametrize("name", SECRETS)
def test_a_missing_secret_is_told_by_its_file(tmp_path: Path, name: str) -> None:
    place = read_cluster(environ(tmp_path))
    (tmp_path / name).write_text("  \n")
    with pytest.raises(TidegateError) as raised:
        (place.database(), place.secret_key(), place.login, place.serve_beside(None))  # type: ignore[arg-type, func-returns-value]
    assert (raised.value.code, name in raised.value.sentence) == ("secret_missing", True)


def test_the_database_is_that_of_the_url_and_no_word_of_it_is_lost(tmp_path: Path) -> None:
    found = read_cluster(environ(tmp_path)).database()
    assert [found[name] for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD")] == [
        "db.example",
        "5433",
        "tidegate",
        "tidegate_egress",
        "p@ss",
    ]
    assert (found["OPTIONS"]["sslmode"], found["OPTIONS"]["options"]) == ("verify-full", OPTIONS)


def test_a_url_cannot_change_where_tables_are_looked_for() -> None:
    found = database_of("postgresql://u@h/d?options=-c%20search_path%3Dpublic")
    assert found["OPTIONS"]["options"] == OPTIONS


def test_a_pack_is_the_object_of_its_project() -> None:
    class Bucket:
        def read(self, name: str) -> bytes | None:
            return {"p1.json": b"{}"}.get(name)

    packs = BucketPacks(Bucket())  # type: ignore[arg-type]
    assert (packs.pack("p1"), packs.pack("p2")) == (b"{}", None)


# A part that is down.


def down(*_: object, **__: object) -> None:
    raise OperationalError("connection to 10.0.0.1 failed: password authentication failed for tidegate_egress")


def test_without_its_database_review_says_so_and_is_not_ready(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, client = office.draft(), browser("rosa")
    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.ensure_connection", down)
    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper._cursor", down)
    anybody = Client(headers={"host": HOST})
    assert anybody.get("/healthz").status_code == 200
    ready = anybody.get("/readyz")
    assert (ready.status_code, ready.json()["code"]) == (503, "database_unavailable")
    intake = anybody.get(f"/intake/v1/drafts/{made.id}", headers={"authorization": "token rosa-token"})
    assert (intake.status_code, intake.json()["code"]) == (503, "database_unavailable")
    page = client.get(f"/r/{made.id}")
    assert (page.status_code, b"database of review does not answer" in page.content) == (503, True)
    for answer in (ready, intake, page):
        assert b"10.0.0.1" not in answer.content


def test_without_its_objects_a_page_says_so_and_the_request_stays(
    office: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = office.approved()
    gone = TidegateError("OBJECT_STORE_DOWN", "The object store does not answer.")

    def fail(*_: object) -> int:
        raise gone

    monkeypatch.setattr(office.ports.quarantine, "size", fail)
    page = browser("rosa").get(f"/r/{made.id}")
    assert (page.status_code, b"object store does not answer" in page.content) == (503, True)
    office.work()
    monkeypatch.undo()
    assert office.load(made.id) == made
    office.work()
    assert office.load(made.id).status is Status.RELEASED


def test_what_cannot_be_hashed_now_is_tried_again_and_says_when(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = office.approved()

    def fail(_sha256: str) -> bool:
        raise TidegateError("OBJECT_STORE_DOWN", "The object store does not answer.")

    monkeypatch.setattr(office.ports.quarantine, "verify", fail)
    office.work()
    waiting = office.load(made.id)
    assert (waiting.status, waiting.job.next_try is not None) == (Status.APPROVED, True)
    assert "object store" in waiting.job.error


def test_one_request_in_trouble_holds_no_other_up(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = office.scanning()
    broken = office.load(made.id)
    seen: list[str] = []

    def move(_self: Worker, request: Any) -> bool:
        seen.append(request.id)
        if len(seen) == 1:
            down()
        return True

    monkeypatch.setattr(Worker, "_move", move)
    monkeypatch.setattr(type(office.ports.requests), "waiting", lambda *_: (broken, broken))
    office.work()
    assert len(seen) == 2


def test_a_second_try_of_a_scan_goes_on_to_the_end(office: World) -> None:
    """What the first try complained of does not stop the second after its first file."""
    made = office.draft({"a.csv": office.table(), "broken.csv": office.table(), "z.csv": office.table()})
    drafts.submit(office.ports, made.id, office.by("rosa"))
    office.work()
    waiting = office.load(made.id)
    assert waiting.job.error
    judge = office.ports.scanner.judge  # type: ignore[attr-defined]
    mended = {"judge": lambda data, name, pack, project: judge(data, name.replace("broken", "whole"), pack, project)}
    for name, value in mended.items():
        object.__setattr__(office.ports.scanner, name, value)
    assert waiting.job.next_try is not None
    office.now = waiting.job.next_try
    office.work()
    assert office.load(made.id).status is Status.SUBMITTED
    assert code_of(lambda: drafts.withdraw(office.ports, made.id, office.by("rosa"))) == "wrong_status"


# Liveness of the loops.


def test_a_loop_is_alive_while_it_touches_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(alive.tempfile, "gettempdir", lambda: str(tmp_path))
    assert not alive.is_alive(alive.WORK, 0.0)
    alive.note_of(alive.WORK)()
    touched = alive.file_of(alive.WORK).stat().st_mtime
    assert alive.is_alive(alive.WORK, touched + alive.MOST_SECONDS - 1)
    assert not alive.is_alive(alive.WORK, touched + alive.MOST_SECONDS)
    assert not alive.is_alive(alive.SCAN, touched)
    assert os.listdir(tmp_path) == ["tidegate-work.alive"]  # noqa: PTH208
