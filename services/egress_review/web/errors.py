"""Refusals as pages: one sentence, its code, the way back. Mapped to HTTP in `problems`."""

import logging
import sys
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from egress_review.domain.refusals import Kind, RefusalError
from egress_review.web.problems import NOT_NOW, TROUBLE, status_of, told

log = logging.getLogger(__name__)


class ErrorPages:
    """Turns what the use cases raise into a page for the person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, RefusalError):
            return page(request, exception.code, exception.sentence, status_of(exception), _back(request, exception))
        if isinstance(exception, TROUBLE):
            trouble = told(exception)
            log.error("a page failed: %s (%s)", trouble.code, type(exception).__name__)
            return page(request, trouble.code, trouble.sentence, NOT_NOW)
        return None


def page(request: HttpRequest, code: str, sentence: str, status: int, back: str = "/") -> HttpResponse:
    context = {"code": code, "sentence": sentence, "back": back}
    return render(request, "tidegate/refused.html", context, status=status)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    log.info("a form without our token was refused: %s", reason)
    return page(request, "not_our_form", "This form is not one we gave you, or your sign-in has ended.", 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    del exception
    return page(request, "not_found", "There is no page at this address.", 404)


def failed(request: HttpRequest) -> HttpResponse:
    """The framework calls it while the exception is at hand; a session is read before any page of ours is."""
    exception = sys.exception()
    if isinstance(exception, TROUBLE):
        trouble = told(exception)
        return page(request, trouble.code, trouble.sentence, NOT_NOW)
    return page(request, "internal_error", "Something went wrong on our side. What you did was not carried out.", 500)


def _back(request: HttpRequest, error: RefusalError) -> str:
    parts = request.path.split("/")
    of_request = len(parts) > 2 and parts[1] == "r" and error.refusal.kind is not Kind.NOT_VISIBLE  # noqa: PLR2004
    return f"/r/{parts[2]}" if of_request else "/"
