"""Time is an argument: `utc_now` is called at the edges only, and everything within takes `now`."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer


def utc_now() -> datetime:
    """The time now, in UTC. For entry points (commands, handlers, loops) only."""
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """RFC 3339 in UTC, ending in ``Z``, with microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        msg = "needs a time zone, for example 2027-01-31T00:00:00Z"
        raise ValueError(msg)
    return moment.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_in_utc), PlainSerializer(to_text, return_type=str)]
