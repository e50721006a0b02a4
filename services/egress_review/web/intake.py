"""The intake: what a workspace's session server calls with its own token. It may propose a draft, never more.

Author and project come from what the hub says of the token; the call cannot name either.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from egress_review.application.acts import By
from egress_review.application.drafts import active_request, create_draft
from egress_review.application.looking import look
from egress_review.application.workspaces import add_drawn, drawn, workspace_actor
from egress_review.domain.parties import Actor
from egress_review.domain.refusals import RefusalError, refused
from egress_review.domain.request import Request
from egress_review.domain.status import Status
from egress_review.web.desk import desk
from egress_review.web.problems import TROUBLE, body_of, status_of, told

SCHEME: Final = "token "
Handler = Callable[[HttpRequest, Actor], JsonResponse]


def token_of(header: str) -> str:
    """The token of an Authorization header; empty where it is not of our scheme."""
    return header[len(SCHEME) :].strip() if header.lower().startswith(SCHEME) else ""


@csrf_exempt
def drafts(request: HttpRequest) -> JsonResponse:
    return _answer(request, {"POST": _create})


@csrf_exempt
def draft(request: HttpRequest, request_id: str) -> JsonResponse:
    return _answer(request, {"GET": lambda http, actor: _state(http, actor, request_id)})


@csrf_exempt
def drawn_totals(request: HttpRequest) -> JsonResponse:
    return _answer(request, {"GET": _drawn, "POST": _add_drawn})


def _answer(request: HttpRequest, handlers: dict[str, Handler]) -> JsonResponse:
    handler = handlers.get(request.method or "")
    if handler is None:
        problem = {"code": "method_not_allowed", "sentence": "This address does not take this method.", "rule": ""}
        return JsonResponse(problem, status=405, headers={"Allow": ", ".join(handlers)})
    try:
        actor = workspace_actor(desk().ports, token_of(request.headers.get("Authorization", "")))
        return handler(request, actor)
    except TROUBLE as error:
        return JsonResponse(body_of(told(error)), status=status_of(told(error)))


def _create(request: HttpRequest, actor: Actor) -> JsonResponse:
    body = _json(request)
    context = body.get("context", {})
    if set(body) - {"context"} or not isinstance(context, dict):
        raise refused("body_invalid")
    by = By(actor, desk().clock())
    try:
        made = create_draft(desk().ports, actor.project, by, context)
    except RefusalError as error:
        existing = active_request(desk().ports, by, actor.project) if error.code == "request_open" else None
        if existing is None:
            raise
        return JsonResponse({**body_of(error), **_address(existing)}, status=status_of(error))
    return JsonResponse(_address(made), status=201)


def _state(_request: HttpRequest, actor: Actor, request_id: str) -> JsonResponse:
    """State of its own request; while it is a DRAFT the findings of its files as well."""
    found = look(desk().ports, request_id, By(actor, desk().clock())).request
    answer: dict[str, Any] = {**_address(found), "status": found.status, "turn": found.turn}
    if found.status is Status.DRAFT:
        answer["files"] = [
            {"name": f.name, "sha256": f.sha256, "size": f.size, "findings": [item.code for item in f.findings]}
            for f in found.outputs
        ]
    return JsonResponse(answer)


def _drawn(_request: HttpRequest, actor: Actor) -> JsonResponse:
    return JsonResponse({"total": drawn(desk().ports, By(actor, desk().clock()))})


def _add_drawn(request: HttpRequest, actor: Actor) -> JsonResponse:
    counts = _json(request).get("bytes")
    if not isinstance(counts, dict):
        raise refused("body_invalid")
    return JsonResponse({"total": add_drawn(desk().ports, By(actor, desk().clock()), counts)})


def _address(request: Request) -> dict[str, str]:
    return {"id": request.id, "url": desk().url_of(request.id)}


def _json(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise refused("body_invalid") from error
    if not isinstance(body, dict):
        raise refused("body_invalid")
    return body
