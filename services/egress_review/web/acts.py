"""Every button of the pages: name -> use case, one table. Each form carries a key and the version it was made from."""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST

from egress_review.application import drafts, reviewing
from egress_review.application.acts import By
from egress_review.domain.inputs import TEXT_FIELDS
from egress_review.domain.refusals import refused
from egress_review.domain.request import Request
from egress_review.ports import Ports
from egress_review.web.desk import desk
from egress_review.web.person import by, signed_in

VOTE: Final = "vote:"
Act = Callable[[Ports, str, By, QueryDict], Request]


def _texts(form: QueryDict) -> dict[str, object]:
    return {name: form.get(name, "") for name in TEXT_FIELDS}


def _submit(ports: Ports, request_id: str, by: By, form: QueryDict) -> Request:
    """Texts and submission are one form: both must be as the person sees them."""
    before = By(by.actor, by.now, by.version, f"{by.key}:texts")
    changed = drafts.edit_texts(ports, request_id, before, _texts(form))
    return drafts.submit(ports, request_id, By(by.actor, by.now, changed.version, by.key))


def _votes(form: QueryDict) -> dict[str, str]:
    return {name[len(VOTE) :]: form.get(name, "") for name in form if name.startswith(VOTE)}


def _review(ports: Ports, request_id: str, by: By, form: QueryDict) -> Request:
    return reviewing.submit_review(ports, request_id, by, form.get("text", ""))


ACTS: Final[dict[str, Act]] = {
    "texts": lambda ports, rid, who, form: drafts.edit_texts(ports, rid, who, _texts(form)),
    "submit": _submit,
    "withdraw": lambda ports, rid, who, _form: drafts.withdraw(ports, rid, who),
    "remove": lambda ports, rid, who, form: drafts.remove_file(ports, rid, who, form.get("file", "")),
    "claim": lambda ports, rid, who, _form: reviewing.claim(ports, rid, who),
    "unclaim": lambda ports, rid, who, _form: reviewing.end_claim(ports, rid, who),
    "open": lambda ports, rid, who, _form: reviewing.open_votes(ports, rid, who),
    "vote": lambda ports, rid, who, form: reviewing.vote(ports, rid, who, _votes(form)),
    "review": _review,
    "comment": lambda ports, rid, who, form: reviewing.add_comment(
        ports, rid, who, form.get("text", ""), public=form.get("public", "yes") == "yes"
    ),
    "return-early": lambda ports, rid, who, form: reviewing.return_early(ports, rid, who, form.get("text", "")),
    "return": lambda ports, rid, who, form: reviewing.send_back(ports, rid, who, form.get("text", "")),
    "reject": lambda ports, rid, who, form: reviewing.reject(ports, rid, who, form.get("text", "")),
    "approve": lambda ports, rid, who, _form: reviewing.approve(ports, rid, who),
    "revoke": lambda ports, rid, who, form: reviewing.revoke(ports, rid, who, form.get("text", "")),
    "close-held": lambda ports, rid, who, form: reviewing.close_held(ports, rid, who, form.get("text", "")),
}
DONE: Final[dict[str, str]] = {
    "texts": "The texts are saved.",
    "submit": "The request is submitted and will be scanned.",
    "withdraw": "The request is withdrawn.",
    "remove": "The file is taken out.",
    "claim": "You have claimed this request for four hours.",
    "unclaim": "Your claim has ended.",
    "open": "The votes are open to you. You take no part in this round's vote any more.",
    "vote": "Your votes are saved. They count once you submit your review.",
    "review": "Your review is submitted.",
    "comment": "Your comment is saved.",
    "return-early": "The request is sent back; the votes of this round are void.",
    "return": "The request is sent back to its author.",
    "reject": "The request is rejected.",
    "approve": "The request is approved and will be released.",
    "revoke": "The release is revoked.",
    "close-held": "The request is closed.",
}


@require_POST
@signed_in
def act(request: HttpRequest, request_id: str, name: str) -> HttpResponseBase:
    """Carry out one button and show the request again, at the place of the button."""
    handler = ACTS.get(name)
    if handler is None:
        raise refused("not_visible")
    who = by(request)
    if who.version is None or not who.key:
        raise refused("body_invalid", "The form is incomplete.")
    handler(desk().ports, request_id, who, request.POST)
    return HttpResponseRedirect(f"/r/{request_id}?{urlencode({'done': name})}")
