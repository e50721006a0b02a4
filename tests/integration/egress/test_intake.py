"""The intake over the real ASGI application: bytes stream to quarantine, nothing half-taken stays."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import httpx2
import pytest
from django.core.asgi import get_asgi_application

from egress_kit import TEXTS, World, sha
from egress_review.domain.status import Status
from egress_review.web.upload import UploadGate
from model_kit import project
from tidegate.ledger import Event

TOKEN = {"Authorization": "token rosa-token"}
CAP = 1024


def call(method: str, path: str, **options: Any) -> httpx2.Response:
    """One call to the service, as the session server makes it."""

    async def go() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=UploadGate(get_asgi_application()))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8003") as client:
            return await client.request(method, f"/intake/v1/{path}", **{"headers": TOKEN, **options})

    return _run(go())


def _run(work: Coroutine[Any, Any, httpx2.Response]) -> httpx2.Response:
    return asyncio.run(work)


def new_draft() -> str:
    answer = call("POST", "drafts", json={"context": {"purpose": "A table."}})
    assert answer.status_code == 201
    return str(answer.json()["id"])


def put(draft: str, name: str, content: bytes, **headers: str) -> httpx2.Response:
    sent = {**TOKEN, "X-Content-SHA256": sha(content), **headers}
    return call("PUT", f"drafts/{draft}/files/{name}", content=content, headers=sent)


def kept(office: World) -> list[str]:
    return [path.name for path in (office.state / "quarantine").rglob("*") if path.is_file()]


def test_workspace_makes_a_draft_in_its_own_person_and_project(office: World) -> None:
    made = office.load(new_draft())
    assert (made.author.subject, made.project, made.status) == ("rosa", "breast-density", Status.DRAFT)
    assert made.texts.purpose == "A table."


def test_file_is_frozen_under_the_hash_we_compute(office: World) -> None:
    draft = new_draft()
    answer = put(draft, "results/t%C3%A4ble.csv", b"a,b\n1,2\n")
    assert (answer.status_code, answer.json()) == (201, {"sha256": sha(b"a,b\n1,2\n"), "size": 8})
    assert office.load(draft).files[0].name == "results/t\u00e4ble.csv"
    assert office.ports.quarantine.verify(sha(b"a,b\n1,2\n"))


@pytest.mark.usefixtures("office")
def test_second_draft_names_the_first() -> None:
    draft = new_draft()
    answer = call("POST", "drafts", json={"context": TEXTS})
    assert (answer.status_code, answer.json()["code"], answer.json()["id"]) == (409, "request_open", draft)
    assert answer.json()["url"].endswith(f"/r/{draft}")


@pytest.mark.parametrize(
    ("name", "content", "headers", "status", "code"),
    [
        ("t.csv", b"abc", {"X-Content-SHA256": "0" * 64}, 422, "hash_mismatch"),
        ("t.csv", b"abc", {"X-Content-SHA256": "short"}, 422, "hash_missing"),
        ("t.csv", b"", {}, 422, "file_empty"),
        ("..%2Ft.csv", b"abc", {}, 422, "name_refused"),
        ("a%00b.csv", b"abc", {}, 422, "name_refused"),
        ("%FF.csv", b"abc", {}, 422, "name_refused"),
        ("x%E2%80%AEvsc.exe", b"abc", {}, 422, "name_refused"),
        ("n" * 256, b"abc", {}, 422, "name_refused"),
        ("t.csv", b"x" * (CAP + 1), {}, 413, "too_large"),
    ],
)
def test_bad_upload_is_refused_and_nothing_kept(
    office: World, name: str, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    office.put(project(policy={"max_file_bytes": CAP}))
    draft = new_draft()
    answer = put(draft, name, content, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (office.load(draft).files, kept(office)) == ((), [])


def test_endless_upload_is_refused_while_it_streams(office: World) -> None:
    """The sender says 3 bytes and never stops; we read little more than the cap."""
    office.put(project(policy={"max_file_bytes": CAP}))
    draft = new_draft()
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 512
            assert sent < 100 * CAP
            yield b"x" * 512

    headers = {**TOKEN, "X-Content-SHA256": "0" * 64, "Content-Length": "3"}
    answer = call("PUT", f"drafts/{draft}/files/t.csv", content=endless(), headers=headers)
    assert (answer.status_code, kept(office)) == (413, [])
    assert sent <= 4 * CAP


def test_full_disk_is_said_and_nothing_kept(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = new_draft()

    def no_room(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tidegate.objects.folder._copy", no_room)
    answer = put(draft, "t.csv", b"abc")
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert kept(office) == []


@pytest.mark.parametrize("header", [{}, {"Authorization": "token nobody"}, {"Authorization": "Bearer rosa-token"}])
@pytest.mark.usefixtures("office")
def test_call_without_a_workspace_token_is_refused(header: dict[str, str]) -> None:
    for method, path in (("POST", "drafts"), ("GET", "drawn"), ("PUT", "drafts/0123456789abcdef0123/files/t.csv")):
        assert call(method, path, headers=header).status_code == 401


def test_hub_that_is_down_recognises_nobody(office: World) -> None:
    office.hub.down = True
    answer = call("POST", "drafts", json={})
    assert (answer.status_code, answer.json()["code"]) == (503, "hub_unavailable")


@pytest.mark.usefixtures("office")
def test_unknown_field_is_refused() -> None:
    assert call("POST", "drafts", json={"author": "gwen"}).status_code == 422
    assert call("POST", "drafts", json={"context": {"author": "gwen"}}).status_code == 422
    assert call("POST", "drafts", content=b"[" * 100_000).status_code == 422


@pytest.mark.usefixtures("office")
def test_state_of_its_own_draft_and_of_no_other() -> None:
    draft = new_draft()
    put(draft, "t.csv", b"abc")
    answer = call("GET", f"drafts/{draft}").json()
    assert (answer["status"], answer["files"][0]["name"]) == ("draft", "t.csv")
    assert call("GET", "drafts/" + "0" * 20).status_code == 404


def test_drawn_bytes_add_up_and_are_recorded(office: World) -> None:
    assert call("GET", "drawn").json() == {"total": 0}
    assert call("POST", "drawn", json={"bytes": {"stream": 10, "display": 5}}).json() == {"total": 15}
    assert call("POST", "drawn", json={"bytes": {"contents": 7}}).json() == {"total": 22}
    assert office.events().count(Event.WORKSPACE_DRAWN) == 2
    for wrong in ({"stream": -1}, {"stream": True}, {"stream": "9"}, {}, {"a b": 1}):
        assert call("POST", "drawn", json={"bytes": wrong}).status_code == 422


@pytest.mark.usefixtures("office")
def test_large_upload_is_hashed_as_it_arrives() -> None:
    content = os.urandom(3 * 1024 * 1024)
    answer = put(new_draft(), "t.csv", content)
    assert answer.json()["sha256"] == hashlib.sha256(content).hexdigest()
