"""What the views need, handed in by `bootstrap` through Django's settings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from egress_review.ports import Ports


@dataclass(frozen=True)
class Desk:
    ports: Ports
    clock: Callable[[], datetime]
    public_url: str

    def url_of(self, request_id: str) -> str:
        return f"{self.public_url}/r/{request_id}"


def desk() -> Desk:
    found = settings.EGRESS_DESK
    if not isinstance(found, Desk):  # pragma: no cover - a wiring mistake
        raise TypeError
    return found
