"""Which secret files a loader's job gets: a token for each XNAT server for `pull`, the vault's key for `vault`.

The accounts that pull stay in the provisioner. A job gets an alias token that XNAT made for it, and that is taken back
when the job goes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from provisioner.adapters.kubernetes.cohorts.given import NOTHING, Given
from provisioner.adapters.kubernetes.cohorts.objects import SECRETS_FOLDER
from provisioner.adapters.xnat.listing import Credentials
from provisioner.domain.loading import Order, Stage
from tidegate.model import TidegateError
from tidegate.objects.s3 import S3Place

log = structlog.get_logger("provisioner")

CA_FILE = "ca.crt"
KEYS = ("s3-access-key", "s3-secret-key")


class Tokens(Protocol):
    """Alias tokens of an account; both raise TidegateError."""

    def issue(self, server: str, account: Credentials) -> Credentials: ...

    def take_back(self, server: str, account: Credentials, alias: str) -> None: ...


@dataclass(frozen=True)
class LoaderFiles:
    """`folder` holds the service's own secret files; they are read when a job is made, so they may be replaced."""

    folder: Path
    place: S3Place | None
    tokens: Tokens

    def keeps(self) -> bool:
        """Whether there is a vault to keep files in, and a key for loaders to write there."""
        return self.place is not None and all((self.folder / f"loader-{name}").is_file() for name in KEYS)

    def given_for(self, stage: Stage, order: Order) -> Given:
        """What the stage's job gets.

        Raises:
            TidegateError: ``XNAT_NO_ACCOUNT``, or why XNAT gave no token; never says what is in a file.
        """
        if stage is Stage.PULL:
            return self._tokens_for(sorted({dataset.spec.xnat.server for dataset in order.datasets}))
        return Given(self._vault()) if stage is Stage.VAULT else NOTHING

    def take_back(self, tokens: Mapping[str, str]) -> None:
        """End tokens, by server. Nobody has them any more, and XNAT ends them by itself: a failure holds up nothing."""
        for server, alias in tokens.items():
            try:
                self.tokens.take_back(server, self._account(server), alias)
            except TidegateError as error:
                log.warning("an alias token was not taken back; it ends by itself", server=server, code=error.code)

    def _tokens_for(self, servers: list[str]) -> Given:
        issued: dict[str, Credentials] = {}
        try:
            for server in servers:
                issued[server] = self.tokens.issue(server, self._account(server))
        except TidegateError:
            self.take_back(_names(issued))
            raise
        return Given({_file_of(server): _content(token) for server, token in issued.items()}, _names(issued))

    def _account(self, server: str) -> Credentials:
        host = urlsplit(server).hostname or ""
        parts = [self.folder / "xnat" / host / name for name in ("username", "password")]
        try:
            return Credentials(*(part.read_text(encoding="utf-8").strip() for part in parts))
        except OSError:
            raise TidegateError(
                "XNAT_NO_ACCOUNT",
                f"There is no account for the XNAT server {host}.",
                "The operator names a Secret with its user name and password in the chart's values.",
            ) from None

    def _vault(self) -> Mapping[str, bytes]:
        if self.place is None:
            return {}
        keys = {name: (self.folder / f"loader-{name}").read_bytes() for name in KEYS}
        if not self.place.ca_file:
            return {**keys, "s3.json": self.place.model_dump_json().encode()}
        place = self.place.model_copy(update={"ca_file": f"{SECRETS_FOLDER}/{CA_FILE}"})
        ca = Path(self.place.ca_file).read_bytes()
        return {**keys, CA_FILE: ca, "s3.json": place.model_dump_json().encode()}


def _names(issued: Mapping[str, Credentials]) -> dict[str, str]:
    return {server: token.user for server, token in issued.items()}


def _file_of(server: str) -> str:
    """As the loader looks for it: two servers of one host tell themselves apart by their ports."""
    parts = urlsplit(server)
    return f"xnat-{parts.hostname}-{parts.port}.json" if parts.port else f"xnat-{parts.hostname}.json"


def _content(token: Credentials) -> bytes:
    return json.dumps({"user": token.user, "password": token.password}).encode()
