"""A workspace, or somebody who is not even signed in, cannot fill the disk: what is refused or replaced is not kept."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from django.core.asgi import get_asgi_application

from egress_kit import World, code_of
from egress_review.application import drafts
from egress_review.web.upload import UploadGate

PIECE = b"x" * 65536
MANY = 400


class Flood:
    """A body that comes in pieces for ever, nearly; says how many were taken."""

    taken = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        for _ in range(MANY):
            self.taken += 1
            yield PIECE


def send(method: str, path: str, flood: Flood, headers: dict[str, str]) -> httpx2.Response:
    async def go() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=UploadGate(get_asgi_application()))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8003") as client:
            return await client.request(method, path, content=flood.pieces(), headers=headers)

    return asyncio.run(go())


@pytest.mark.usefixtures("office")
@pytest.mark.parametrize("path", ["/intake/v1/drafts", "/intake/v1/drawn", "/login", f"/r/{'0' * 20}/do/submit"])
@pytest.mark.parametrize("more", [{}, {"Authorization": "token rosa-token"}, {"Content-Length": "5"}])
def test_body_without_end_is_refused_while_it_comes(path: str, more: dict[str, str]) -> None:
    """Django would spool it to the disk before any view could say no."""
    flood = Flood()
    answer = send("POST", path, flood, {"Content-Type": "application/json", **more})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert flood.taken < MANY / 10


def kept(office: World) -> int:
    return sum(path.is_file() for path in (office.state / "quarantine").rglob("*"))


def test_replaced_file_is_not_kept(office: World) -> None:
    made = office.draft({})
    for _ in range(5):
        office.upload(made.id, "table.csv", office.table())
    assert kept(office) == 1


def test_refused_file_is_not_kept(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = office.draft()
    monkeypatch.setattr(drafts, "MAX_TOTAL_BYTES", made.files[0].size + 1)
    assert code_of(lambda: office.upload(made.id, "more.csv", office.table())) == "request_too_large"
    assert kept(office) == 1


def test_replacing_a_file_leaves_the_same_bytes_of_another_request(office: World) -> None:
    """Objects are shared by content: one request's change takes nothing from another."""
    content = office.table()
    other = office.submitted({"table.csv": content})
    mine = drafts_of_member(office)
    office.upload(mine, "copy.csv", content, office.workspace("ravi"))
    office.upload(mine, "copy.csv", office.table(), office.workspace("ravi"))
    assert office.ports.quarantine.verify(other.files[0].sha256)


def drafts_of_member(office: World) -> str:
    return drafts.create_draft(office.ports, "breast-density", office.workspace("ravi"), {}).id
