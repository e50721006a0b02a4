"""Takes a form only from our own pages: the Origin and Sec-Fetch-Site headers must say so.

Beside the CSRF token: workspaces live on neighbouring hosts of the same site, where SameSite cookies alone would let a
planted script post. Services that call without a browser send no cookie and pass. A host name that is not ours is
refused as well: a page elsewhere could have pointed it at this address.

Looking is an act too: it opens a draft, is put on the record, uses up a download. So a neighbour's page may lead its
person here, as a link does, but not fetch, embed or frame anything.
"""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# Ours, or no page's at all: typed, or kept as a bookmark. A browser too old to say sends nothing.
OWN_SITES: Final = frozenset({"same-origin", "none", ""})


class SameOriginForms:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            request.get_host()
        except DisallowedHost:
            return HttpResponseBadRequest(b"This address answers to its own name only.")
        allowed = asked_from_here_or_followed if request.method in SAFE else from_us
        if settings.TIDEGATE_SESSION_COOKIE not in request.COOKIES or allowed(request):
            return self._get_response(request)
        context = {
            "code": "not_our_form",
            "sentence": "This did not come from a page of ours, so it was not taken.",
            "fix": "Open the page again and go on from there.",
        }
        return render(request, "tidegate/refused.html", context, status=403)


def from_us(request: HttpRequest) -> bool:
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    return site == "same-origin" and request.headers.get("Origin") == settings.TIDEGATE_PUBLIC_ORIGIN


def asked_from_here(request: HttpRequest) -> bool:
    return request.headers.get("Sec-Fetch-Site", "") in OWN_SITES


def asked_from_here_or_followed(request: HttpRequest) -> bool:
    followed = (request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")) == (
        "navigate",
        "document",
    )
    return followed or asked_from_here(request)
