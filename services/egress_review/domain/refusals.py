"""Every refusal of egress review: its code, its sentence and what kind of "no" it is.

`decide` and the use cases raise `RefusalError`; the web maps `Kind` to an HTTP status in one place.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidegate.model import ExitCode, TidegateError


class Kind(StrEnum):
    NOT_VISIBLE = "not-visible"
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    INPUT = "input"
    TOO_LARGE = "too-large"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class Refusal:
    """`rule` names the paragraph of the rules behind it, for the person and for support."""

    code: str
    kind: Kind
    sentence: str
    rule: str


class RefusalError(TidegateError):
    """A refusal on its way to the person who asked."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        sentence = f"{refusal.sentence} {detail}".strip()
        super().__init__(refusal.code, sentence, "", ExitCode.DENIED)
        self.refusal = refusal


_ROWS: Final = (
    # who
    ("not_visible", Kind.NOT_VISIBLE, "There is no such request, or it is not yours to see.", "visibility"),
    ("author_reviews_own", Kind.FORBIDDEN, "You made this request, so two other people review it.", "two-people"),
    (
        "member_reviews_project",
        Kind.FORBIDDEN,
        "You are or were a member of this project, so checkers from outside it review its requests.",
        "two-people",
    ),
    (
        "operator_never_approves",
        Kind.FORBIDDEN,
        "Operators run the service and take no part in releases.",
        "two-people",
    ),
    (
        "workspace_is_not_a_person",
        Kind.FORBIDDEN,
        "A workspace may propose files; its person decides, signed in to the review pages.",
        "notebook-proposes",
    ),
    ("service_is_not_a_person", Kind.FORBIDDEN, "A service has no part in what people decide.", "nothing-automatic"),
    ("no_checker_role", Kind.FORBIDDEN, "This needs a current grant as output checker.", "roles"),
    (
        "checker_training_lapsed",
        Kind.FORBIDDEN,
        "Your training as output checker has ended; a governance officer can record a new one.",
        "roles",
    ),
    ("same_person_twice", Kind.FORBIDDEN, "You have already given your review of this round.", "two-people"),
    (
        "voter_decides_override",
        Kind.FORBIDDEN,
        "Someone who voted, sent back, wrote or is a member cannot decide about a block.",
        "two-people",
    ),
    ("not_allowed", Kind.FORBIDDEN, "Your part in this request does not include this.", "actions"),
    ("not_named", Kind.FORBIDDEN, "This release does not name you as one of its recipients.", "download"),
    # when
    ("wrong_status", Kind.CONFLICT, "The request is in a state in which this cannot be done.", "states"),
    ("held", Kind.CONFLICT, "The request is on hold; nothing is lost.", "hold"),
    ("not_held", Kind.CONFLICT, "Nothing holds this request: it goes its way through review.", "hold"),
    ("stale_version", Kind.CONFLICT, "The request has changed since you opened the page; look again.", "version"),
    ("no_claim", Kind.CONFLICT, "Claim the request first: a claim declares that you have no conflict.", "claims"),
    ("seats_taken", Kind.CONFLICT, "Enough people are reviewing this request at the moment.", "claims"),
    (
        "votes_already_opened",
        Kind.CONFLICT,
        "You have seen this round's votes, so you cannot vote in it.",
        "blind",
    ),
    (
        "votes_not_opened",
        Kind.CONFLICT,
        "Give your own review first, or open the votes: then you decide with the others but do not vote.",
        "blind",
    ),
    ("votes_missing", Kind.CONFLICT, "Vote on every file before you submit your review.", "review"),
    ("comment_missing", Kind.INPUT, "Say in a comment what needs to change.", "review"),
    ("reason_missing", Kind.INPUT, "Give a reason; it goes on the record.", "reasons"),
    ("files_not_approved", Kind.CONFLICT, "Not every file has enough approvals of this round.", "counting"),
    ("block_stands", Kind.CONFLICT, "A check blocks one of the files.", "blocks"),
    ("policy_denied", Kind.CONFLICT, "The rules do not allow this release now.", "policy"),
    ("policy_unavailable", Kind.UNAVAILABLE, "The policy engine gave no answer, so the answer is no.", "policy"),
    (
        "request_open",
        Kind.CONFLICT,
        "You have an open request in this project; use it or close it first.",
        "one-open",
    ),
    (
        "already_opened",
        Kind.CONFLICT,
        "Its person has opened this draft, so the workspace can no longer change it: submit or withdraw it first.",
        "notebook-proposes",
    ),
    ("destination_not_allowed", Kind.CONFLICT, "The project does not name this destination.", "destinations"),
    (
        "released_before",
        Kind.CONFLICT,
        "This file was released before, and is not released twice; take it out or change it.",
        "released-before",
    ),
    # what
    ("no_files", Kind.INPUT, "Add at least one file.", "submit"),
    ("texts_missing", Kind.INPUT, "Answer every question about the files.", "submit"),
    ("text_too_long", Kind.INPUT, "A text may have at most 4,000 characters.", "limits"),
    ("text_characters", Kind.INPUT, "A text holds characters that cannot be shown.", "limits"),
    ("name_refused", Kind.INPUT, "The file's name cannot be accepted.", "names"),
    ("name_withdrawn", Kind.CONFLICT, "A file of this name was taken back; choose another name.", "names"),
    ("file_empty", Kind.INPUT, "The file is empty.", "limits"),
    ("hash_mismatch", Kind.INPUT, "The bytes that arrived are not the ones that were announced.", "limits"),
    ("hash_missing", Kind.INPUT, "Announce the file's SHA-256 in X-Content-SHA256.", "limits"),
    ("length_missing", Kind.INPUT, "Announce the file's length in Content-Length.", "limits"),
    ("too_large", Kind.TOO_LARGE, "The file is larger than the project allows.", "limits"),
    ("request_too_large", Kind.TOO_LARGE, "The request would be larger than is allowed in all.", "limits"),
    ("too_many_files", Kind.CONFLICT, "The request already has as many files as are allowed.", "limits"),
    ("body_too_large", Kind.TOO_LARGE, "No form or report is as large as what was sent.", "limits"),
    ("body_invalid", Kind.INPUT, "The body is not what this address expects.", "limits"),
    ("unknown_file", Kind.NOT_VISIBLE, "The request has no such file.", "visibility"),
    ("choice_invalid", Kind.INPUT, "A vote is either to approve or to request changes.", "review"),
    # download
    (
        "not_our_link",
        Kind.FORBIDDEN,
        "Another page led here, and a download counts. Use the link on the request's own page.",
        "download",
    ),
    ("download_ended", Kind.CONFLICT, "The time for downloading this release is over.", "download"),
    ("download_used_up", Kind.CONFLICT, "You have downloaded this file as often as is allowed.", "download"),
    ("file_changed", Kind.CONFLICT, "The stored file is not the one that was approved; nothing was sent.", "integrity"),
    ("view_unavailable", Kind.CONFLICT, "There is no decoded view of this file.", "views"),
    # engine rooms
    ("store_unavailable", Kind.UNAVAILABLE, "The register of projects cannot be read at the moment.", "stores"),
    (
        "database_unavailable",
        Kind.UNAVAILABLE,
        "The database of review does not answer; nothing was changed.",
        "stores",
    ),
    ("hub_unavailable", Kind.UNAVAILABLE, "The hub did not answer, so nobody can be recognised now.", "identity"),
    ("token_unknown", Kind.FORBIDDEN, "The hub does not know this token as that of a workspace.", "identity"),
    ("disk_full", Kind.UNAVAILABLE, "The disk of the quarantine is full; nothing was kept.", "limits"),
)

REFUSALS: Final[dict[str, Refusal]] = {row[0]: Refusal(*row) for row in _ROWS}


def refused(code: str, detail: str = "") -> RefusalError:
    """The error for a code of the table."""
    return RefusalError(REFUSALS[code], detail)
