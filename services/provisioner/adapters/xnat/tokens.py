"""Alias tokens of an XNAT account: a name and a secret in the account's place, for one job, until they are taken back.

Used when a pull job is made and when it goes. XNAT ends a token by itself after two days, whatever became of us.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from provisioner.adapters.xnat.backoff import Backoff
from provisioner.adapters.xnat.failures import failure
from provisioner.adapters.xnat.listing import Credentials, XnatConnection
from provisioner.domain.transfer import Code
from tidegate.model import TidegateError

PLACE: Final = "/data/services/tokens"
# A look at a project waits for these; whatever fails is tried again at a later look.
TIMEOUT: Final = (5.0, 10.0)
# XNAT locks an account after some refusals within an hour, and then nobody pulls.
REFUSED_SECONDS: Final = 900.0


@dataclass(frozen=True)
class XnatTokens:
    """A password that was refused is not sent again for a quarter of an hour, unless it was changed."""

    timeout: tuple[float, float] = TIMEOUT
    clock: Callable[[], float] = time.monotonic
    refused: dict[str, tuple[Credentials, float]] = field(default_factory=dict, repr=False)

    def issue(self, server: str, account: Credentials) -> Credentials:
        """A token of the account.

        Raises:
            TidegateError: with a code of `provisioner.domain.transfer.Code`.
        """
        told = self._ask(server, account, f"{PLACE}/issue")
        alias, secret = told.get("alias"), told.get("secret")
        if not (isinstance(alias, str) and isinstance(secret, str) and alias and secret):
            raise failure(Code.XNAT_ANSWER_UNREADABLE, server, "an alias token")
        return Credentials(alias, secret)

    def take_back(self, server: str, account: Credentials, alias: str) -> None:
        """From now on it opens nothing; one that is gone already is no error.

        Raises:
            TidegateError: as `issue`.
        """
        try:
            self._ask(server, account, f"{PLACE}/invalidate/{quote(alias, safe='')}")
        except TidegateError as error:
            if error.code != Code.XNAT_REFUSED:
                raise

    def _ask(self, server: str, account: Credentials, path: str) -> dict[str, object]:
        known, until = self.refused.get(server, (None, 0.0))
        if known == account and self.clock() < until:
            raise failure(Code.XNAT_LOGIN_REFUSED, server, "the login")
        try:
            with XnatConnection(server, account, Backoff(tries={}), self.timeout) as connection:
                return connection.told(path)
        except TidegateError as error:
            if error.code == Code.XNAT_LOGIN_REFUSED:
                self.refused[server] = (account, self.clock() + REFUSED_SECONDS)
            raise
