"""A hub whose database is away answers 503 with a sentence; it takes nobody's login for none and blames no password."""

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from tornado.web import HTTPError

from tidegate.model import TidegateError
from workspace.hub.authenticator import LocalAccounts
from workspace.hub.kubernetes import silence

AWAY = TidegateError("database_unavailable", "The database does not answer.", "It is tried again.")


def looked_up(error: Exception | None) -> None:
    """As JupyterHub prepares each request: what the lookup raises is logged, then roles are resolved."""

    async def stock(_handler: Any) -> str:
        if error:
            raise error
        return "rosa"

    handler = SimpleNamespace()
    with contextlib.suppress(OperationalError, TidegateError, KeyError):
        asyncio.run(silence._noting(stock)(handler))  # type: ignore[arg-type]  # a coroutine of another kind
    silence._raising(lambda _: None)(handler)


@pytest.mark.parametrize("error", [OperationalError("SELECT 1", {}, Exception("refused")), AWAY])
def test_who_cannot_be_looked_up_is_told_so(error: Exception) -> None:
    with pytest.raises(HTTPError) as caught:
        looked_up(error)
    assert (caught.value.status_code, caught.value.log_message) == (503, silence.SENTENCE)


@pytest.mark.parametrize("error", [None, KeyError("another fault is JupyterHub's to handle")])
def test_all_else_stays_as_it_is(error: Exception | None) -> None:
    looked_up(error)


@pytest.mark.parametrize(
    ("error", "status"), [(AWAY, 503), (TidegateError("login_refused", "The name or the password is wrong."), 403)]
)
def test_a_password_is_not_blamed_for_the_database(
    monkeypatch: pytest.MonkeyPatch, error: TidegateError, status: int
) -> None:
    def log_in(*_: object) -> None:
        raise error

    monkeypatch.setattr(LocalAccounts, "site", SimpleNamespace(log_in=log_in), raising=False)
    with pytest.raises(HTTPError) as caught:
        asyncio.run(LocalAccounts().authenticate(None, {"username": "rosa", "password": "x"}))
    assert caught.value.status_code == status
    assert error.sentence in str(caught.value.log_message)
