"""The pages through Django's test client on the real application and a real SQLite file."""

import itertools
import json
import re
from importlib import import_module
from typing import Any

import httpx2
import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.test import Client
from django.utils.html import escape

from egress_django import ORIGIN
from egress_kit import CSV, TEXTS, World, sha
from egress_review.application import drafts, reviewing
from egress_review.domain.request import Request
from egress_review.domain.status import Status
from egress_review.web.pages import WHAT_COMES_NEXT
from tidegate.ledger import Event

HOST = "review.tidegate.localhost"


def sign_in(client: Any, subject: str) -> Any:
    """A session as the login leaves it."""
    session = import_module("django.contrib.sessions.backends.db").SessionStore()
    session["person"] = {"issuer": "local", "subject": subject}
    session.save()
    client.cookies["tg_review"] = session.session_key
    return client


def browser(subject: str | None = None) -> Client:
    client = Client(enforce_csrf_checks=True, headers={"host": HOST}, raise_request_exception=False)
    return sign_in(client, subject) if subject else client


def form_of(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that posts to an act."""
    form = next(part for part in page.split("<form")[1:] if f"/do/{action}" in part.split("</form>")[0])
    return dict(re.findall(r'name="(csrfmiddlewaretoken|version|key|file)" value="([^"]*)"', form))


def press(client: Client, request: Request, action: str, origin: str = ORIGIN, **fields: str) -> Any:
    """Open the request page, fill in one of its forms and send it."""
    page = client.get(f"/r/{request.id}").content.decode()
    form = {**form_of(page, action), **fields}
    return client.post(f"/r/{request.id}/do/{action}", form, headers={"origin": origin})


def code_on(response: Any) -> str:
    found = re.search(r"Code for support: <code>([a-z_]+)</code>", response.content.decode())
    return found[1] if found else ""


def test_stranger_is_sent_to_sign_in_and_back(office: World) -> None:
    made = office.draft()
    answer = browser().get(f"/r/{made.id}")
    assert (answer.status_code, answer["Location"]) == (302, f"/login?next=%2Fr%2F{made.id}")


@pytest.mark.usefixtures("office")
def test_login_goes_to_the_hub_with_pkce_and_state() -> None:
    answer = browser().get("/login?next=//evil.example/")
    assert answer["Location"].startswith("http://tidegate.localhost:8000/hub/api/oauth2/authorize?")
    assert "code_challenge_method=S256" in answer["Location"]
    assert "state=" in answer["Location"]
    cookie = answer.cookies["tg_review"]
    assert (cookie["httponly"], cookie["samesite"], cookie["domain"]) == (True, "Lax", "")


@pytest.mark.usefixtures("office")
def test_callback_without_our_state_signs_nobody_in() -> None:
    client = browser()
    client.get("/login")
    answer = client.get("/oauth/callback?code=abc&state=planted")
    assert (answer.status_code, code_on(answer)) == (403, "login_state")
    assert client.get("/").status_code == 302


def test_four_people_click_the_job_through(office: World) -> None:
    made = office.draft()
    rosa = browser("rosa")
    assert press(rosa, made, "submit", **TEXTS).status_code == 302
    office.work()
    for name in ("chidi", "cleo"):
        checker = browser(name)
        assert press(checker, made, "claim").status_code == 302
        assert press(checker, made, "vote", **{"vote:table.csv": "approve"}).status_code == 302
        assert press(checker, made, "review", text="").status_code == 302
    assert press(browser("chidi"), made, "approve").status_code == 302
    office.work()
    assert office.load(made.id).status is Status.RELEASED
    assert "Download table.csv" in rosa.get(f"/r/{made.id}").content.decode()
    assert made.id[:8] in rosa.get("/").content.decode()


async def _download(request_id: str, subject: str) -> tuple[int, bytes, dict[str, str]]:
    transport = httpx2.ASGITransport(app=get_asgi_application())
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        cookie = {"cookie": f"tg_review={await _session(subject)}"}
        answer = await client.get(f"/r/{request_id}/download/table.csv", headers=cookie)
    return answer.status_code, answer.content, dict(answer.headers)


async def _session(subject: str) -> str:
    session = import_module("django.contrib.sessions.backends.db").SessionStore()
    session["person"] = {"issuer": "local", "subject": subject}
    await session.asave()
    return str(session.session_key)


def test_download_is_an_attachment_and_the_fourth_is_refused(office: World) -> None:
    made = office.released()
    for _ in range(3):
        status, body, headers = async_to_sync(_download)(made.id, "rosa")
        assert (status, sha(body)) == (200, made.files[0].sanitised)
        assert headers["content-disposition"] == 'attachment; filename="table.csv"'
        assert headers["x-content-type-options"] == "nosniff"
    status, body, _ = async_to_sync(_download)(made.id, "rosa")
    assert (status, b"download_used_up" in body) == (409, True)


@pytest.mark.parametrize(("who", "status"), [("chidi", 403), ("gwen", 403), ("stranger", 404), ("ravi", 403)])
def test_nobody_but_those_named_downloads(office: World, who: str, status: int) -> None:
    made = office.released()
    assert browser(who).get(f"/r/{made.id}/download/table.csv").status_code == status


def test_record_and_duties_lie_beside_the_files(office: World) -> None:
    made = office.released()
    record = json.loads(browser("rosa").get(f"/r/{made.id}/beside/record.json").content)
    assert record["tidegate"]["votes"][0]["checker"] == "checker 1"
    assert "CBIS-DDSM, CC BY 3.0." in browser("rosa").get(f"/r/{made.id}/beside/ATTRIBUTION.md").content.decode()


def test_every_page_carries_the_strict_policy_and_no_script(office: World) -> None:
    made = office.submitted()
    office_pages = ["/", "/queue", f"/r/{made.id}", f"/r/{made.id}/view/table.csv", "/nowhere"]
    for path in office_pages:
        answer = browser("chidi").get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'"), path
        assert b"<script" not in answer.content
        assert b" style=" not in answer.content
        assert answer.headers["Cache-Control"] == "no-store"


def test_cookie_sent_twice_is_refused_and_once_is_not(office: World) -> None:
    made = office.draft()
    key = browser("rosa").cookies["tg_review"].value
    once = Client(headers={"host": HOST, "cookie": f"tg_review={key}"}).get(f"/r/{made.id}")
    twice = Client(headers={"host": HOST, "cookie": f"tg_review=planted; tg_review={key}"}).get(f"/r/{made.id}")
    assert (once.status_code, twice.status_code, code_on(twice)) == (200, 400, "cookie_twice")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://rosa.tidegate.localhost:8000"},
        {"origin": "null"},
        {},
        {"origin": ORIGIN, "sec-fetch-site": "same-site"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
    ],
)
def test_form_from_a_workspace_is_refused_even_with_cookie_and_token(office: World, headers: dict[str, str]) -> None:
    """The attack works without the lock: the same form with our own origin is taken."""
    made = office.submitted()
    chidi = browser("chidi")
    form = form_of(chidi.get(f"/r/{made.id}").content.decode(), "claim")
    stolen = chidi.post(f"/r/{made.id}/do/claim", form, headers=headers)
    assert (stolen.status_code, code_on(stolen)) == (403, "not_our_form")
    assert chidi.post(f"/r/{made.id}/do/claim", form, headers={"origin": ORIGIN}).status_code == 302


def test_form_without_our_token_is_refused(office: World) -> None:
    made = office.submitted()
    chidi = browser("chidi")
    form = form_of(chidi.get(f"/r/{made.id}").content.decode(), "claim")
    del form["csrfmiddlewaretoken"]
    assert chidi.post(f"/r/{made.id}/do/claim", form, headers={"origin": ORIGIN}).status_code == 403


def test_same_press_twice_is_one_event_and_an_old_page_is_stale(office: World) -> None:
    made = office.submitted()
    chidi = browser("chidi")
    form = form_of(chidi.get(f"/r/{made.id}").content.decode(), "claim")
    for _ in range(2):
        assert chidi.post(f"/r/{made.id}/do/claim", form, headers={"origin": ORIGIN}).status_code == 302
    assert office.events().count(Event.CLAIM_TAKEN) == 1
    old = chidi.post(f"/r/{made.id}/do/claim", {**form, "key": "another"}, headers={"origin": ORIGIN})
    assert (old.status_code, code_on(old)) == (409, "stale_version")


def test_second_checker_does_not_see_the_first_ones_review_until_both_are_in(office: World) -> None:
    made = office.submitted()
    office.review(made.id, "chidi", "changes", "Row B is too small.")
    second = browser("cleo").get(f"/r/{made.id}").content.decode()
    assert "Row B is too small." not in second
    assert "chidi" not in second
    assert "not decided yet" in second
    office.review(made.id, "cleo", "changes", "I agree.")
    assert "Row B is too small." in browser("cleo").get(f"/r/{made.id}").content.decode()


def test_project_reads_checker_numbers_not_names(office: World) -> None:
    made = office.released()
    page = browser("rosa").get(f"/r/{made.id}").content.decode()
    assert "checker 1" in page
    assert "chidi" not in page


def test_table_is_shown_escaped(office: World) -> None:
    made = office.submitted({"table.csv": b"name,count\n<script>alert(1)</script>,40\n"})
    page = browser("chidi").get(f"/r/{made.id}/view/table.csv").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert Event.FILE_VIEWED in office.events()


def test_no_address_gives_the_bytes_before_release(office: World) -> None:
    made = office.submitted()
    for who in ("rosa", "chidi", "gwen"):
        for path in ("download/table.csv", "picture/table.csv", "beside/record.json"):
            answer = browser(who).get(f"/r/{made.id}/{path}")
            assert answer.status_code in {403, 409}
            assert CSV not in answer.content


def test_error_pages_are_sentences_with_a_code(office: World) -> None:
    made = office.submitted()
    answer = press(browser("chidi"), made, "return-early", text="")
    assert (answer.status_code, code_on(answer)) == (422, "reason_missing")
    assert browser("rosa").get("/r/" + "0" * 20).status_code == 404


def test_held_request_says_so_and_offers_no_vote(office: World) -> None:
    made = office.submitted()
    reviewing.claim(office.ports, made.id, office.by("chidi"))
    assert "Save my votes" in browser("chidi").get(f"/r/{made.id}").content.decode()
    office.account("rosa", disabled=True)
    page = browser("chidi").get(f"/r/{made.id}").content.decode()
    assert "On hold" in page
    assert "Save my votes" not in page


def test_disabled_account_sees_nothing(office: World) -> None:
    made = office.submitted()
    chidi = browser("chidi")
    assert chidi.get(f"/r/{made.id}").status_code == 200
    office.account("chidi", disabled=True)
    assert chidi.get(f"/r/{made.id}").status_code == 404


def test_queue_is_for_checkers_and_without_their_own_projects(office: World) -> None:
    made = office.submitted()
    assert made.id[:8] in browser("chidi").get("/queue").content.decode()
    assert made.id[:8] not in browser("member-checker").get("/queue").content.decode()
    assert "current grant as output checker" in browser("rosa").get("/queue").content.decode()


def test_every_label_belongs_to_a_field_and_headings_do_not_jump(office: World) -> None:
    made = office.draft()
    submitted_by_now = office.load(drafts.submit(office.ports, made.id, office.by("rosa")).id)
    office.work()
    reviewing.claim(office.ports, made.id, office.by("chidi"))
    for who in ("rosa", "chidi"):
        page = browser(who).get(f"/r/{submitted_by_now.id}").content.decode()
        ids, labelled = set(re.findall(r' id="([^"]+)"', page)), re.findall(r'<label[^>]* for="([^"]+)"', page)
        assert set(labelled) <= ids
        levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        assert re.search(r"<main[^>]+id=\"main\"", page)
        assert 'lang="en-GB"' in page


@pytest.mark.usefixtures("office")
def test_healthz_answers_without_sign_in() -> None:
    assert browser().get("/healthz").json() == {"status": "ok"}


@pytest.mark.usefixtures("office")
def test_session_cookie_is_named_and_host_only() -> None:
    assert (settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_DOMAIN) == ("tg_review", None)


def test_every_state_says_what_comes_next(office: World) -> None:
    assert set(WHAT_COMES_NEXT) == set(Status)
    made = office.returned()
    assert escape(WHAT_COMES_NEXT[made.status]) in browser("rosa").get(f"/r/{made.id}").content.decode()


def test_a_reason_of_an_earlier_round_is_not_shown_as_the_reason_now(office: World) -> None:
    made = office.returned()
    assert "<dt>Reason</dt>" in browser("rosa").get(f"/r/{made.id}").content.decode()
    drafts.submit(office.ports, made.id, office.by("rosa"))
    assert "<dt>Reason</dt>" not in browser("rosa").get(f"/r/{made.id}").content.decode()


@pytest.mark.parametrize(("status", "shown"), [(Status.DRAFT, False), (Status.SUBMITTED, True)])
def test_before_a_scan_there_is_no_empty_list_of_findings(office: World, status: Status, shown: bool) -> None:  # noqa: FBT001
    page = browser("rosa").get(f"/r/{office.at(status).id}").content.decode()
    assert ('id="findings"' in page) is shown


def test_logging_out_is_at_the_hub_which_would_else_sign_in_again(office: World) -> None:
    made = office.draft(files={"one.csv": office.table(), "two.csv": office.table()})
    page = browser("rosa").get("/").content.decode()
    assert 'href="http://tidegate.localhost:8000/hub/logout"' in page
    assert made.id[:8] in page
    assert "one.csv, two.csv" in page


def test_an_error_page_has_the_way_to_the_start_page(office: World) -> None:
    made = office.draft()
    page = browser("ravi").get(f"/r/{made.id[::-1]}").content.decode()
    assert 'href="http://tidegate.localhost:8000/hub/"' in page
