"""What differs between one machine and a cluster, as the commands see it; `environment` and `cluster` each give one."""

from datetime import timedelta
from typing import Any, Protocol

from egress_review.ports import Ports
from tidegate.identity import HubOAuthSettings


class Place(Protocol):
    """Where this service runs. Secrets are read when asked for, and are in no representation."""

    @property
    def address(self) -> str:
        """What `serve` listens on."""
        ...

    @property
    def port(self) -> int: ...

    @property
    def public_url(self) -> str:
        """The review pages as the browser reaches them."""
        ...

    @property
    def hub_public_url(self) -> str: ...

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names this service answers to."""
        ...

    @property
    def lease(self) -> timedelta: ...

    @property
    def login(self) -> HubOAuthSettings: ...

    def secret_key(self) -> str: ...

    def database(self) -> dict[str, Any]:
        """Django's entry for it."""
        ...

    def prepare(self) -> None:
        """Have the database as it should be, before `serve` and `work`."""
        ...

    def ports(self) -> Ports:
        """Raises the `TidegateError` of whatever cannot be opened: at the start, when a person reads it."""
        ...

    def serve_beside(self, ports: Ports) -> None:
        """Start what this place answers beside pages and intake."""
        ...
