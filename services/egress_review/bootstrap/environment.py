"""Review on one machine: its place, read once from the environment with errors that name the variable."""

import fcntl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.management import call_command
from django.db import connections

from egress_review.ports import Ports
from tidegate.identity import HubOAuthSettings
from tidegate.model import ExitCode, TidegateError

LOCK_SECONDS: Final = 15
ON_CONNECT: Final = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
KEY_FILE: Final = Path("secrets") / "egress-key"


@dataclass(frozen=True)
class Environment:
    """A `Place`. `hub_api` is the hub as this service reaches it, `hub_public_url` as the browser does."""

    state: Path
    port: int
    public_url: str
    hub_public_url: str
    hub_api: str
    client_id: str
    client_secret: str
    lease: timedelta = timedelta(seconds=30)
    callback_url: str = ""

    def __repr__(self) -> str:
        return f"Environment(state={self.state}, port={self.port}, public_url={self.public_url!r})"

    @property
    def address(self) -> str:
        """The proxy stands in front."""
        return "127.0.0.1"

    @property
    def hosts(self) -> tuple[str, ...]:
        return (urlsplit(self.public_url).hostname or "", "127.0.0.1", "localhost")

    def database(self) -> dict[str, Any]:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(self.state / "egress.sqlite"),
            "CONN_MAX_AGE": 0,
            "OPTIONS": {"timeout": LOCK_SECONDS, "transaction_mode": "IMMEDIATE", "init_command": ON_CONNECT},
        }

    def migrate(self) -> None:
        """Safe to repeat; `serve` and `work` start together, so one waits for the other."""
        with (self.state / "run" / "egress-migrate.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            call_command("migrate", verbosity=0, interactive=False)
            connections.close_all()

    def prepare(self) -> None:
        self.migrate()

    def ports(self) -> Ports:
        from egress_review.bootstrap.wiring import build_ports  # noqa: PLC0415 - models need Django set up

        return build_ports(self)

    def serve_beside(self, ports: Ports) -> None:
        """On one machine the provisioner reads the register of requests itself."""

    @property
    def login(self) -> HubOAuthSettings:
        return HubOAuthSettings(
            public_url=self.hub_public_url,
            api_url=self.hub_api,
            client_id=self.client_id,
            client_secret=self.client_secret,
            redirect_url=self.callback_url or f"{self.public_url}/oauth/callback",
        )

    def secret_key(self) -> str:
        """Signs what Django signs. Made by `tidegate up`, one per state folder."""
        try:
            return (self.state / KEY_FILE).read_text(encoding="ascii").strip()
        except OSError as error:
            raise TidegateError(
                "egress_key_missing",
                f"The key {self.state / KEY_FILE} cannot be read.",
                "Start Tidegate with 'tidegate up', which makes it.",
            ) from error


def read_environment(values: Mapping[str, str]) -> Environment:
    """Raises ``setting_missing`` or ``setting_invalid``, naming the variable."""
    return Environment(
        state=Path(_required(values, "TIDEGATE_STATE")),
        port=_number(values, "TIDEGATE_EGRESS_PORT", "8003"),
        public_url=values.get("TIDEGATE_PUBLIC_URL", "http://review.tidegate.localhost:8000").rstrip("/"),
        hub_public_url=values.get("TIDEGATE_HUB_PUBLIC_URL", "http://tidegate.localhost:8000/hub/"),
        hub_api=values.get("JUPYTERHUB_API_URL", "http://127.0.0.1:8001/hub/api").rstrip("/"),
        client_id=values.get("JUPYTERHUB_CLIENT_ID", "service-egress"),
        client_secret=values.get("JUPYTERHUB_API_TOKEN", ""),
        lease=timedelta(seconds=_number(values, "TIDEGATE_EGRESS_LEASE_SECONDS", "30")),
        callback_url=values.get("JUPYTERHUB_OAUTH_CALLBACK_URL", ""),
    )


def _required(values: Mapping[str, str], name: str) -> str:
    if not values.get(name):
        raise TidegateError("setting_missing", f"The variable {name} is not set.", "", ExitCode.USAGE)
    return values[name]


def _number(values: Mapping[str, str], name: str, default: str) -> int:
    text = values.get(name) or default
    if not text.isdecimal():
        raise TidegateError("setting_invalid", f"{name} must be a whole number.", "", ExitCode.USAGE)
    return int(text)
