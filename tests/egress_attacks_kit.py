"""A signed-in browser towards the review pages, for attacks: it sends forms and headers as it is told."""

import re
from importlib import import_module
from typing import Any

from django.test import Client

from egress_django import ORIGIN

HOST = "review.tidegate.localhost"


def browser(subject: str) -> Client:
    """With a session as the login leaves it."""
    session = import_module("django.contrib.sessions.backends.db").SessionStore()
    session["person"] = {"issuer": "local", "subject": subject}
    session.save()
    client = Client(enforce_csrf_checks=True, headers={"host": HOST}, raise_request_exception=False)
    client.cookies["tg_review"] = session.session_key
    return client


def fields_of(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that posts to an act."""
    form = next(part for part in page.split("<form")[1:] if f"/do/{action}" in part.split("</form>")[0])
    return dict(re.findall(r'name="(csrfmiddlewaretoken|version|key|file)" value="([^"]*)"', form))


def post(client: Client, request_id: str, action: str, form: dict[str, str]) -> Any:
    return client.post(f"/r/{request_id}/do/{action}", form, headers={"origin": ORIGIN})
