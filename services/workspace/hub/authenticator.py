"""Logs people in to the hub by the local accounts, and keeps asking whether the account is still open."""

import asyncio
from typing import Any, ClassVar

from jupyterhub.auth import Authenticator
from tornado.web import HTTPError

from tidegate.model import TidegateError, utc_now
from workspace.hub.site import Site

FORBIDDEN = 403
UNAVAILABLE = 503


class LocalAccounts(Authenticator):  # type: ignore[misc]  # JupyterHub carries no types
    """`site` is set by the hub's configuration."""

    site: ClassVar[Site]

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:  # noqa: ANN401, ARG002
        name = str(data.get("username", "")).strip().lower()
        password = str(data.get("password", ""))
        try:
            # Hashing takes a moment on purpose; the hub goes on serving meanwhile.
            person = await asyncio.to_thread(self.site.log_in, name, password, utc_now())
        except TidegateError as error:
            status = UNAVAILABLE if error.code == "database_unavailable" else FORBIDDEN
            raise HTTPError(status, f"{error.sentence} {error.fix}", reason=error.code) from error
        return person.subject

    async def refresh_user(self, user: Any, handler: Any = None, **_: Any) -> bool:  # noqa: ANN401, ARG002
        return await asyncio.to_thread(self.site.may_stay, user.name)
