"""Refuses a request that carries the session cookie twice.

A page on a neighbouring host can plant a cookie for the parent domain under our cookie's name; the browser then sends
both and nobody can tell which is ours. So neither counts.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render


class RefuseTossedCookies:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if times_sent(request.headers.get("Cookie", ""), settings.TIDEGATE_SESSION_COOKIE) > 1:
            return _refuse(request)
        return self._get_response(request)


def times_sent(header: str, name: str) -> int:
    """How often a cookie of this name is in a Cookie header."""
    names = [pair.partition("=")[0].strip() for pair in header.replace(",", ";").split(";")]
    return names.count(name)


def _refuse(request: HttpRequest) -> HttpResponse:
    context = {
        "code": "cookie_twice",
        "sentence": "Your browser sent the session cookie twice, so another page may have planted one.",
        "fix": "Close the other pages, delete the cookies of this address and its neighbours, and sign in again.",
    }
    return render(request, "tidegate/refused.html", context, status=400)
