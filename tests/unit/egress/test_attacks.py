"""What must not work: one's own vote, a member's, a second one, an old one; changed bytes; late downloads.

Names in brackets are the cases of the acceptance list 7 "Tidegate" in egress.md section 16.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from egress_kit import CHECKERS, PROJECT, TEXTS, World, code_of, ref, sha
from egress_review.adapters.db.models import ReviewRow
from egress_review.application import downloads, drafts, releasing, reviewing
from egress_review.application.downloads import open_download
from egress_review.domain.refusals import RefusalError
from egress_review.domain.request import Choice
from egress_review.domain.status import Status
from egress_review.domain.votes import FileDecision, decision_of
from model_kit import grant, licence
from tidegate.ledger import Event


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("rosa", "author_reviews_own"),
        ("ravi", "member_reviews_project"),
        ("member-checker", "member_reviews_project"),
        ("gwen", "no_checker_role"),
        ("olga", "not_visible"),
        ("stranger", "not_visible"),
    ],
)
def test_only_a_checker_from_outside_claims_votes_or_approves(office: World, who: str, code: str) -> None:
    made = office.reviewed()
    by = office.by(who)
    assert code_of(lambda: reviewing.claim(office.ports, made.id, by)) == code
    assert code_of(lambda: reviewing.vote(office.ports, made.id, by, {"table.csv": "approve"})) == code
    assert code_of(lambda: reviewing.approve(office.ports, made.id, by)) == code
    assert office.load(made.id).status is Status.REVIEWED


def test_author_who_is_also_a_checker_reviews_not_their_own(office: World) -> None:
    office.put(grant("g-rosa-checker", person="rosa", role="output-checker"))
    made = office.submitted()
    assert code_of(lambda: reviewing.claim(office.ports, made.id, office.by("rosa"))) == "author_reviews_own"


def test_checker_who_was_a_member_once_does_not_review(office: World) -> None:
    past = {"since": office.now - timedelta(days=300), "until": office.now - timedelta(days=200)}
    made = office.submitted()
    assert code_of(lambda: reviewing.claim(office.ports, made.id, office.by("chidi"))) == ""
    office.put(grant("g-chidi-once", person="chidi", **past))
    code = code_of(lambda: reviewing.vote(office.ports, made.id, office.by("chidi"), {"table.csv": "approve"}))
    assert code == "member_reviews_project"


def test_checker_whose_training_has_ended_does_not_review(office: World) -> None:
    made = office.submitted()
    training = {"ref": "T-1", "until": office.now}
    office.put(grant("g-chidi", person="chidi", role="output-checker", training=training))
    assert code_of(lambda: reviewing.claim(office.ports, made.id, office.by("chidi"))) == "checker_training_lapsed"


def test_one_person_never_gives_two_reviews(office: World) -> None:
    made = office.partially_reviewed()
    again = code_of(lambda: reviewing.submit_review(office.ports, made.id, office.by("chidi")))
    assert again == "same_person_twice"
    assert office.load(made.id).status is Status.PARTIALLY_REVIEWED


def test_database_itself_holds_one_review_a_person_a_turn(office: World) -> None:
    made = office.partially_reviewed()
    row = {"request_id": made.id, "turn": made.turn, "issuer": "local", "subject": "chidi"}
    with pytest.raises(IntegrityError), transaction.atomic():
        ReviewRow.objects.create(**row)


def test_workspace_token_can_neither_submit_nor_vote_nor_decide(office: World) -> None:
    """[token cannot submit]"""
    made = office.draft()
    by = office.workspace()
    assert code_of(lambda: drafts.submit(office.ports, made.id, by)) == "workspace_is_not_a_person"
    assert code_of(lambda: drafts.withdraw(office.ports, made.id, by)) == "workspace_is_not_a_person"
    waiting = drafts.submit(office.ports, made.id, office.by("rosa"))
    office.work()
    for act in (reviewing.claim, reviewing.approve):
        assert code_of(lambda act=act: act(office.ports, waiting.id, by)) == "workspace_is_not_a_person"


def test_workspace_cannot_change_a_draft_its_person_has_opened(office: World) -> None:
    made = office.draft()
    office.upload(made.id, "more.csv", office.table())
    drafts.open_draft(office.ports, made.id, office.by("rosa"))
    assert code_of(lambda: office.upload(made.id, "late.csv", office.table())) == "already_opened"


def test_workspace_of_another_project_or_person_sees_no_draft(office: World) -> None:
    made = office.draft()
    for by in (office.workspace("ravi"), office.workspace("rosa", "other-project")):
        assert code_of(lambda by=by: office.upload(made.id, "x.csv", b"a,b\n", by)) == "not_visible"


def test_votes_of_an_earlier_turn_do_not_count_and_two_fresh_ones_do(office: World) -> None:
    """Resubmission: the approvals are filled in for their owners and count once they submit again."""
    made = office.reviewed()
    reviewing.send_back(office.ports, made.id, office.by("chidi"), "Say more about the audience.")
    drafts.submit(office.ports, made.id, office.by("rosa"))
    office.work()
    again = office.load(made.id)
    assert decision_of(again, again.outputs[0], 2) is FileDecision.INCOMPLETE
    for name in ("chidi", "cleo"):
        claimed = reviewing.claim(office.ports, made.id, office.by(name))
        mine = claimed.review_of(ref(name))
        assert mine is not None
        assert [vote.choice for vote in mine.votes] == [Choice.APPROVE]
        reviewing.submit_review(office.ports, made.id, office.by(name))
    again = office.load(made.id)
    assert decision_of(again, again.outputs[0], 2) is FileDecision.APPROVED


def test_changed_text_voids_the_votes_filled_in(office: World) -> None:
    """[changed byte, text, destination or criterion voids votes]"""
    made = office.reviewed()
    reviewing.send_back(office.ports, made.id, office.by("chidi"), "Say more.")
    drafts.edit_texts(office.ports, made.id, office.by("rosa"), {**TEXTS, "audience": "Everybody."})
    drafts.submit(office.ports, made.id, office.by("rosa"))
    office.work()
    mine = reviewing.claim(office.ports, made.id, office.by("chidi")).review_of(ref("chidi"))
    assert mine is not None
    assert mine.votes == ()


def test_early_return_voids_the_votes_and_deletes_nothing(office: World) -> None:
    made = office.partially_reviewed()
    returned = reviewing.return_early(office.ports, made.id, office.by("cleo"), "The code is missing.")
    assert [(review.voided, len(review.votes)) for review in returned.reviews] == [(True, 1)]
    assert returned.status is Status.RETURNED
    assert Event.VOTES_VOIDED in office.events()


def _edit(office: World, sha256: str, content: bytes) -> None:
    path = office.state / "quarantine" / sha256[:2] / sha256
    path.write_bytes(content)


def test_byte_edited_before_approval_stops_it(office: World) -> None:
    made = office.reviewed()
    file = made.outputs[0]
    _edit(office, file.sha256, b"X" * file.size)
    assert code_of(lambda: reviewing.approve(office.ports, made.id, office.by("chidi"))) == "file_changed"


def test_byte_edited_after_approval_is_never_released(office: World) -> None:
    made = office.approved()
    file = made.outputs[0]
    _edit(office, file.sha256, b"X" * file.size)
    office.work()
    stuck = office.load(made.id)
    assert (stuck.status, "file_changed" in stuck.job.error) == (Status.APPROVED, True)


def test_byte_edited_after_release_is_not_handed_out(office: World) -> None:
    made = office.released()
    path = office.state / "released" / made.outputs[0].sanitised[:2] / made.outputs[0].sanitised
    path.write_bytes(b"X")
    call = lambda: open_download(office.ports, made.id, office.by("rosa"), "table.csv", office.clock)  # noqa: E731
    assert code_of(call) == "file_changed"


def test_fourth_download_is_refused_and_on_the_record(office: World) -> None:
    """[fourth download refused]"""
    made = office.released()
    for _ in range(3):
        download = open_download(office.ports, made.id, office.by("rosa"), "table.csv", office.clock)
        assert sha(b"".join(download.chunks)) == made.outputs[0].sanitised
    call = lambda: open_download(office.ports, made.id, office.by("rosa"), "table.csv", office.clock)  # noqa: E731
    assert code_of(call) == "download_used_up"
    assert office.events()[-1] is Event.DOWNLOAD_REFUSED


def test_download_ends_after_seven_days(office: World) -> None:
    made = office.released()
    office.now += timedelta(days=7)
    call = lambda: open_download(office.ports, made.id, office.by("rosa"), "table.csv", office.clock)  # noqa: E731
    assert code_of(call) == "download_ended"


def test_revoking_cuts_a_running_download(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """[revoke cuts a stream]"""
    monkeypatch.setattr(downloads, "CHUNK", 2)
    monkeypatch.setattr(downloads, "CHECK_EVERY", 8)
    made = office.released()
    download = open_download(office.ports, made.id, office.by("rosa"), "table.csv", office.clock)
    sent = len(next(download.chunks))
    reviewing.revoke(office.ports, made.id, office.by("chidi"), "Sent by mistake.")
    got: list[bytes] = []
    with pytest.raises(RefusalError):
        got.extend(download.chunks)
    assert sent + sum(map(len, got)) == downloads.CHECK_EVERY < download.size


def test_licence_end_holds_mid_review_and_an_extension_resumes_with_the_votes(office: World) -> None:
    """[expiry mid-review holds, extension resumes with votes]"""
    made = office.partially_reviewed()
    office.now += timedelta(days=364)
    office.put(
        *(
            grant(f"g-{name}-2", person=name, role="output-checker", until=office.now + timedelta(days=30))
            for name in CHECKERS
        )
    )
    office.put(grant("g-rosa-2", person="rosa", until=office.now + timedelta(days=30)))
    office.now += timedelta(days=2)
    assert code_of(lambda: reviewing.claim(office.ports, made.id, office.by("cleo"))) == "held"
    assert office.load(made.id).status is Status.PARTIALLY_REVIEWED
    _extend(office)
    assert office.review(made.id, "cleo").status is Status.REVIEWED
    assert decision_of(office.load(made.id), office.load(made.id).outputs[0], 2) is FileDecision.APPROVED


def _extend(office: World) -> None:
    """An officer's dated extension of the licence, and a project that goes on."""
    from model_kit import approval, project  # noqa: PLC0415

    longer = project(ends=office.now + timedelta(days=60))
    extension = approval(longer, name="extension-1", verdict="extend", until=office.now + timedelta(days=60))
    subject = {"kind": "Licence", "name": "cc-by-3.0", "digest": licence().digest()}
    spec = {**extension.spec.model_dump(), "subject": subject}
    office.put(longer, extension.model_copy(update={"spec": type(extension.spec)(**spec)}))


def test_engine_that_gives_no_answer_stops_the_approval(office: World) -> None:
    """[engine down holds]"""
    made = office.reviewed()

    class Down:
        def release(self, *_: object) -> object:
            from tidegate.model import Decision, Denial, Outcome  # noqa: PLC0415

            return Decision(outcome=Outcome.DENY, deny=(Denial(code="policy_unavailable"),))

    office.ports = replace(office.ports, policy=Down())
    assert code_of(lambda: reviewing.approve(office.ports, made.id, office.by("chidi"))) == "policy_unavailable"
    assert office.load(made.id).status is Status.REVIEWED


def test_grant_ended_between_approval_and_release_holds_the_release(office: World) -> None:
    made = office.approved()
    office.account("rosa", disabled=True)
    office.work()
    assert office.load(made.id).status is Status.APPROVED
    office.account("rosa")
    office.work()
    assert office.load(made.id).status is Status.RELEASED


def test_two_racing_second_reviews_leave_one_reviewed_request(office: World) -> None:
    made = office.partially_reviewed()
    before = office.load(made.id)
    reviewing.claim(office.ports, made.id, office.by("cleo"))
    with pytest.raises(RefusalError) as stale, office.requests.locked():
        office.requests.save(before, replace(before, status=Status.REVIEWED), (), office.now)
    assert stale.value.code == "stale_version"


def test_third_checker_has_no_seat_until_the_request_is_reviewed(office: World) -> None:
    made = office.submitted()
    for name in ("chidi", "cleo"):
        reviewing.claim(office.ports, made.id, office.by(name))
    assert code_of(lambda: reviewing.claim(office.ports, made.id, office.by("third-checker"))) == "seats_taken"
    office.now += timedelta(hours=4)
    assert code_of(lambda: reviewing.claim(office.ports, made.id, office.by("third-checker"))) == ""


def test_vote_without_a_claim_is_refused(office: World) -> None:
    made = office.submitted()
    call = lambda: reviewing.vote(office.ports, made.id, office.by("chidi"), {"table.csv": "approve"})  # noqa: E731
    assert code_of(call) == "no_claim"


def test_released_file_cannot_be_asked_for_again(office: World) -> None:
    content = office.table()
    made = office.submitted({"table.csv": content})
    for name in ("chidi", "cleo"):
        office.review(made.id, name)
    reviewing.approve(office.ports, made.id, office.by("cleo"))
    office.work()
    again = office.draft({"other.csv": content})
    assert code_of(lambda: drafts.submit(office.ports, again.id, office.by("rosa"))) == "released_before"


def test_one_open_request_a_person_a_project(office: World) -> None:
    office.draft()
    assert code_of(office.draft) == "request_open"


def test_member_who_only_observes_makes_no_request(office: World) -> None:
    call = lambda: drafts.create_draft(office.ports, PROJECT, office.workspace("observer"), TEXTS)  # noqa: E731
    assert code_of(call) == "not_allowed"


def test_blocked_file_goes_back_with_its_finding_and_unreadable_stays_visible(office: World) -> None:
    returned = office.submitted({"blocked.csv": office.table()})
    assert returned.status is Status.RETURNED
    assert returned.files[0].findings[0].code == "DICOM.FILE"
    drafts.withdraw(office.ports, returned.id, office.by("rosa"))
    stuck = office.submitted({"broken.csv": office.table()})
    assert (stuck.status, bool(stuck.job.error)) == (Status.SCANNING, True)
    assert Event.SCAN_FAILED in office.events()


def test_lapsed_lease_in_releasing_goes_back_and_is_released(office: World) -> None:
    """[worker killed in RELEASING resumes]"""
    made = office.releasing()
    office.work()
    assert office.load(made.id).status is Status.RELEASING
    office.now += timedelta(seconds=31)
    office.work()
    assert office.load(made.id).status is Status.APPROVED
    office.work()
    assert office.load(made.id).status is Status.RELEASED


def test_store_that_fails_leaves_it_approved_with_the_error_and_a_next_try(office: World) -> None:
    made = office.releasing()
    file = made.outputs[0]
    office.ports.quarantine.delete(file.sha256)
    back = releasing.release(office.ports, made.id, office.now)
    assert (back.status, bool(back.job.error), back.job.next_try is not None) == (Status.APPROVED, True, True)
