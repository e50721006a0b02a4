"""What a form says is what is done, or the person is told that it was not; and only our own pages take things."""

import pytest

from egress_attacks_kit import browser, fields_of, post
from egress_kit import TEXTS, World
from egress_review.application import reviewing
from egress_review.domain.request import Choice


def test_second_vote_from_the_same_page_is_not_swallowed_as_a_repeat(office: World) -> None:
    """Back, another choice, Save: the page's key is the same, the vote is not. It counts, or its person learns."""
    made = office.submitted()
    reviewing.claim(office.ports, made.id, office.by("chidi"))
    chidi = browser("chidi")
    form = fields_of(chidi.get(f"/r/{made.id}").content.decode(), "vote")
    assert post(chidi, made.id, "vote", {**form, "vote:table.csv": "approve"}).status_code == 302
    changed = post(chidi, made.id, "vote", {**form, "vote:table.csv": "changes"})
    review = office.load(made.id).review_of(office.by("chidi").actor.person)  # type: ignore[arg-type]
    assert review is not None
    assert changed.status_code == 409 or review.votes[0].choice is Choice.CHANGES
    assert b"stale_version" in changed.content


def test_key_of_one_button_does_not_answer_for_another(office: World) -> None:
    """Two buttons share a form: pressing the second after the first must not read as done."""
    made = office.reviewed("changes", "changes")
    chidi = browser("chidi")
    form = {**fields_of(chidi.get(f"/r/{made.id}").content.decode(), "return"), "text": "Please round."}
    assert post(chidi, made.id, "return", form).status_code == 302
    assert post(chidi, made.id, "reject", form).status_code == 409


def test_same_press_twice_is_one_act_and_the_same_answer(office: World) -> None:
    made = office.draft()
    rosa = browser("rosa")
    form = {**fields_of(rosa.get(f"/r/{made.id}").content.decode(), "submit"), **TEXTS}
    first, second = post(rosa, made.id, "submit", form), post(rosa, made.id, "submit", form)
    assert (first.status_code, second.status_code) == (302, 302)
    assert office.load(made.id).turn == 1


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
@pytest.mark.parametrize("mode", ["no-cors", "cors", "navigate"])
def test_neighbouring_page_cannot_use_up_downloads(office: World, site: str, mode: str) -> None:
    """A workspace is a host of the same site, so its pictures and frames carry the cookie: three would be all."""
    made = office.released()
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": "document"}
    answer = browser("rosa").get(f"/r/{made.id}/download/table.csv", headers=headers)
    assert (answer.status_code, office.requests.downloads(made.id)) == (403, ())


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_own_link_and_typed_address_do_download(office: World, site: str) -> None:
    made = office.released()
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert browser("rosa").get(f"/r/{made.id}/download/table.csv", headers=headers).status_code == 200


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
@pytest.mark.parametrize(("mode", "dest"), [("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")])
def test_neighbouring_page_cannot_open_a_draft_unseen(office: World, site: str, mode: str, dest: str) -> None:
    """Opening is the person's: a picture with the page's address must not count as a look."""
    made = office.draft()
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest}
    assert browser("rosa").get(f"/r/{made.id}", headers=headers).status_code == 403
    assert office.load(made.id).opened is None


def test_link_from_a_workspace_still_leads_to_the_draft(office: World) -> None:
    made = office.draft()
    headers = {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert browser("rosa").get(f"/r/{made.id}", headers=headers).status_code == 200
