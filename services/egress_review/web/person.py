"""Who reads the page: the signed-in person, as the session knows them. Roles are looked up at each act."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.http import urlencode

from egress_review.application.acts import By
from egress_review.application.looking import is_checker
from egress_review.domain.parties import as_person
from egress_review.web.desk import desk
from egress_review.web.problems import TROUBLE
from tidegate.model import digest_of
from tidegate.web.login import person_of

Extra = ParamSpec("Extra")


def signed_in(
    page: Callable[Concatenate[HttpRequest, Extra], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, Extra], HttpResponseBase]:
    """A page for signed-in people; others are sent to sign in and come back."""

    @wraps(page)
    def guarded(request: HttpRequest, /, *args: Extra.args, **kwargs: Extra.kwargs) -> HttpResponseBase:
        if person_of(request) is None:
            wanted = request.get_full_path() if request.method in {"GET", "HEAD"} else "/"
            return HttpResponseRedirect(f"/login?{urlencode({'next': wanted})}")
        return page(request, *args, **kwargs)

    return guarded


def by(request: HttpRequest) -> By:
    """The signed-in person at this moment, with what their form says it was about."""
    person = person_of(request)
    if person is None:  # pragma: no cover - every page that asks is behind `signed_in`
        raise TypeError
    version = request.POST.get("version", "")
    return By(
        actor=as_person(person),
        now=desk().clock(),
        version=int(version) if version.isdecimal() and len(version) < VERSION_DIGITS else None,
        key=_key_of(request),
    )


VERSION_DIGITS = 10
NOT_OF_THE_PRESS = frozenset({"csrfmiddlewaretoken"})


def _key_of(request: HttpRequest) -> str:
    """One press of one button: the page's key with what was sent where. Another vote from the same page is another."""
    if not request.POST.get("key"):
        return ""
    sent = sorted((name, values) for name, values in request.POST.lists() if name not in NOT_OF_THE_PRESS)
    return digest_of([request.path, sent])


def about_reader(request: HttpRequest) -> dict[str, Any]:
    """For every template: who is signed in and which doors they have. A page that tells of trouble stands without."""
    door = {"hub_url": settings.TIDEGATE_HUB_URL}
    try:
        return {**door, **_reader(request)}
    except TROUBLE:
        return door


def _reader(request: HttpRequest) -> dict[str, Any]:
    person = person_of(request) if hasattr(request, "session") else None
    if person is None:
        return {}
    now = desk().clock()
    return {"person": person.subject, "checker": is_checker(desk().ports, By(as_person(person), now), now)}
