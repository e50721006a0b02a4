"""A database that does not answer is said, instead of being taken for a login that is none. `config` calls `say_so`.

JupyterHub takes whoever it cannot look up for nobody: people would be sent to log in again, and a session server or the
review would hear that a good token is unknown.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from jupyterhub.handlers.base import BaseHandler
from sqlalchemy.exc import SQLAlchemyError
from tornado.web import HTTPError

from tidegate.model import TidegateError

SENTENCE: Final = (
    "Tidegate cannot look up who you are at the moment. What runs goes on. Load the page again in a minute."
)
CODE: Final = "hub_database_unavailable"
NOT_NOW: Final = 503
AWAY: Final = "_tidegate_cannot_look_up"


def say_so() -> None:
    """From now on every handler of this process answers 503 where it could not look up who asks."""
    BaseHandler.get_current_user = _noting(BaseHandler.get_current_user)
    BaseHandler._resolve_roles_and_scopes = _raising(BaseHandler._resolve_roles_and_scopes)  # noqa: SLF001 - see above


def _noting(stock: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
    async def get_current_user(handler: Any) -> Any:  # noqa: ANN401 - JupyterHub carries no types
        try:
            return await stock(handler)
        except (SQLAlchemyError, TidegateError):
            setattr(handler, AWAY, True)
            raise

    return get_current_user


def _raising(stock: Callable[[Any], None]) -> Callable[[Any], None]:
    """JupyterHub calls this next, whatever came of the lookup, and lets its errors through."""

    def resolve(handler: Any) -> None:  # noqa: ANN401 - as above
        if getattr(handler, AWAY, False):
            raise HTTPError(NOT_NOW, SENTENCE, reason=CODE)
        stock(handler)

    return resolve
