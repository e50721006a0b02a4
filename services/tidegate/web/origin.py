"""Takes a form only from our own pages: the Origin and Sec-Fetch-Site headers must say so.

Beside the CSRF token: workspaces live on neighbouring hosts of the same site, where SameSite cookies alone would let a
planted script post. Services that call without a browser send no cookie and pass. A host name that is not ours is
refused as well: a page elsewhere could have pointed it at this address.
"""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class SameOriginForms:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            request.get_host()
        except DisallowedHost:
            return HttpResponseBadRequest(b"This address answers to its own name only.")
        if request.method in SAFE or settings.TIDEGATE_SESSION_COOKIE not in request.COOKIES or from_us(request):
            return self._get_response(request)
        context = {
            "code": "not_our_form",
            "sentence": "This form did not come from a page of ours, so it was not taken.",
            "fix": "Open the page again and send the form from there.",
        }
        return render(request, "tidegate/refused.html", context, status=403)


def from_us(request: HttpRequest) -> bool:
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    return site == "same-origin" and request.headers.get("Origin") == settings.TIDEGATE_PUBLIC_ORIGIN
