"""What of a project still waits in review, as the provisioner hears it before it certifies a deletion."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from egress_attacks_kit import HOST, browser, fields_of, post
from egress_kit import PROJECT, World, code_of
from egress_review.application import reviewing
from egress_review.domain.status import ACTIVE, AWAITING, OWNERS, Owner, Status
from egress_review.web.retained import answer, serve_retained
from model_kit import project
from provisioner.adapters.embedded.retained import NOT_AWAITING, ReviewsRegister
from provisioner.adapters.kubernetes.retained import WITH_ITS_AUTHOR, ReviewAsked
from tidegate.ledger import Event
from tidegate.model import Stage, TidegateError

TOKEN = "token-of-the-provisioner"
PAGE = f"/retained/v1/{PROJECT}"
AT_SOMEBODYS = [status for status in Status if status in AWAITING]


def close(office: World) -> None:
    office.put(project(stage=Stage.CLOSING))


def asked(office: World) -> dict[str, Any]:
    status, body = answer(office.ports, TOKEN, PAGE, TOKEN)
    assert status == 200, body
    return body


def test_what_awaits_is_what_is_neither_its_authors_nor_over() -> None:
    assert {status for status in ACTIVE if OWNERS[status] is not Owner.AUTHOR} == AWAITING
    assert set(Status) - AWAITING == {Status(value) for value in NOT_AWAITING}
    assert {status.value for status in ACTIVE - AWAITING} == WITH_ITS_AUTHOR


@pytest.mark.parametrize("status", AT_SOMEBODYS)
def test_a_request_that_awaits_a_decision_or_its_release_is_counted(office: World, status: Status) -> None:
    made = office.at(status)
    if office.load(made.id).status is not status:  # no first-line act leads there
        made = office.requests.save(office.load(made.id), made, (), office.now)
    body = asked(office)
    assert (body["awaiting"], body["states"]) == (1, {status: 1})
    assert ReviewsRegister(office.state / "egress.sqlite").awaiting(PROJECT) == {status: 1}


def test_what_is_over_or_with_its_author_awaits_nothing(office: World) -> None:
    office.released()
    office.withdrawn()
    office.draft()
    body = asked(office)
    assert (body["awaiting"], body["states"]) == (0, {Status.DRAFT: 1})
    register = ReviewsRegister(office.state / "egress.sqlite")
    assert register.awaiting(PROJECT) == register.awaiting("another") == {}


def test_review_says_whether_it_knows_of_the_closing(office: World) -> None:
    assert asked(office)["closing"] is False
    close(office)
    assert asked(office)["closing"] is True
    _status, gone = answer(office.ports, TOKEN, "/retained/v1/never-registered", TOKEN)
    assert gone["closing"] is True, "a project nobody knows takes no requests"


@pytest.mark.parametrize("given", ["", "token-of-the-provisione", TOKEN + "r", "rosa-token", "\u00e9"])
def test_without_the_token_nothing_is_told(office: World, given: str) -> None:
    office.submitted()
    for page in (PAGE, "/other"):
        status, body = answer(office.ports, TOKEN, page, given)
        assert (status, body["code"]) == (401, "token_unknown")
        assert "states" not in body


@pytest.mark.parametrize("page", ["/", "/retained/v1/", f"{PAGE}/x", f"{PAGE}?x=1", "/retained/v1/A", "/queue"])
def test_there_is_no_other_page_on_its_port(office: World, page: str) -> None:
    assert answer(office.ports, TOKEN, page, TOKEN)[0] == 404


def test_pages_and_intake_do_not_have_it(office: World) -> None:
    office.submitted()
    for client in (Client(headers={"host": HOST}), browser("gwen"), browser("rosa")):
        assert client.get(PAGE, headers={"authorization": f"token {TOKEN}"}).status_code == 404


def test_without_its_database_it_does_not_say_nothing_waits(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise OperationalError("connection to 10.0.0.1 failed")

    monkeypatch.setattr(type(office.ports.requests), "count", down)
    status, body = answer(office.ports, TOKEN, PAGE, TOKEN)
    assert (status, body["code"]) == (503, "database_unavailable")
    assert "10.0.0.1" not in json.dumps(body)


# From one service to the other.


@contextmanager
def served(office: World) -> Iterator[str]:
    server = serve_retained(office.ports, TOKEN, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_the_provisioner_hears_what_waits(office: World) -> None:
    office.submitted()
    with served(office) as url:
        review = ReviewAsked(url, TOKEN)
        assert refusal(lambda: review.awaiting(PROJECT)) == "review_not_informed"
        close(office)
        assert review.awaiting(PROJECT) == {"submitted": 1}
        assert refusal(lambda: ReviewAsked(url, "another").awaiting(PROJECT)) == "review_unavailable"
        assert refusal(lambda: ReviewAsked(url, "").awaiting(PROJECT)) == "review_unavailable"
    assert refusal(lambda: review.awaiting(PROJECT)) == "review_unavailable"
    assert TOKEN not in repr(review)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(TidegateError) as raised:
        call()
    assert TOKEN not in str(raised.value)
    return raised.value.code


RIGHT = {"project": PROJECT, "closing": True, "awaiting": 0, "states": {}}
WRONG: dict[str, bytes] = {
    "a page": b"<html>log in</html>",
    "nothing": b"",
    "a list": b"[]",
    "another project": json.dumps({**RIGHT, "project": "other"}).encode(),
    "a field less": json.dumps({"project": PROJECT, "closing": True, "awaiting": 0}).encode(),
    "a field more": json.dumps({**RIGHT, "more": 1}).encode(),
    "a number as text": json.dumps({**RIGHT, "awaiting": "0"}).encode(),
    "fewer than none": json.dumps({**RIGHT, "awaiting": -1}).encode(),
    "numbers that do not add up": json.dumps({**RIGHT, "states": {"submitted": 1}}).encode(),
    "a state of tomorrow": json.dumps({**RIGHT, "states": {"pondered": 1}}).encode(),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_clear_answer_is_none(case: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(WRONG[case])))
            self.end_headers()
            self.wfile.write(WRONG[case])

        def log_message(self, format: str, *_: object) -> None: ...  # noqa: A002

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request).start()
        review = ReviewAsked(f"http://127.0.0.1:{server.server_address[1]}", TOKEN)
        assert refusal(lambda: review.awaiting(PROJECT)) == "review_unavailable"


def test_on_one_machine_a_database_that_cannot_be_read_is_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "egress.sqlite"
    assert ReviewsRegister(path).awaiting(PROJECT) == {}, "nobody ever asked for a release"
    path.write_bytes(b"")
    assert ReviewsRegister(path).awaiting(PROJECT) == {}, "review has begun, and has no table yet"
    path.write_bytes(b"no database at all" * 100)
    assert refusal(lambda: ReviewsRegister(path).awaiting(PROJECT)) == "review_unavailable"


# Closing what cannot go on, so that it does not hold up a certificate for ever.


def test_an_officer_closes_what_is_held_and_nothing_else(office: World) -> None:
    made = office.partially_reviewed()
    assert code_of(lambda: reviewing.close_held(office.ports, made.id, office.by("gwen"), "Over.")) == "not_held"
    close(office)
    for who in ("rosa", "ravi", "chidi", "member-checker", "olga"):
        assert code_of(lambda who=who: reviewing.close_held(office.ports, made.id, office.by(who), "Over."))  # type: ignore[misc]
    assert code_of(lambda: reviewing.close_held(office.ports, made.id, office.by("gwen"), " ")) == "reason_missing"
    done = reviewing.close_held(office.ports, made.id, office.by("gwen"), "The project ends.")
    assert (done.status, done.reason) == (Status.EXPIRED, "The project ends.")
    assert asked(office)["awaiting"] == 0
    said = next(e.record for e in office.requests.entries() if e.record.event is Event.REQUEST_EXPIRED)
    assert (said.detail["was"], said.detail["holds"]) == ("partially-reviewed", ["project_closing"])


def test_an_officer_has_the_button_only_while_something_is_on_hold(office: World) -> None:
    made, gwen = office.submitted(), browser("gwen")
    assert b"close-held" not in gwen.get(f"/r/{made.id}").content
    close(office)
    assert b"close-held" not in browser("chidi").get(f"/r/{made.id}").content
    page = gwen.get(f"/r/{made.id}").content.decode()
    done = post(gwen, made.id, "close-held", {**fields_of(page, "close-held"), "text": "The project ends."})
    assert done.status_code == 302
    assert office.load(made.id).status is Status.EXPIRED
    assert b"The project ends." in browser("rosa").get(f"/r/{made.id}").content
