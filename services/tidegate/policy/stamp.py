"""The revision of a published bundle: when it was published, and the digest of its licences.

The provisioner publishes anew now and then even where nothing changed, so the age of a server's bundle tells how long
ago the server last got one. OPA hands the revision back with every answer.
"""

from datetime import datetime, timedelta
from typing import Final

from tidegate.model import to_text

AHEAD: Final = timedelta(minutes=5)  # how far the publisher's clock may be ahead of ours


def stamp(published: datetime, revision: str) -> str:
    """For the bundle's manifest, for example ``2026-11-22T12:00:00Z 5f70bf18...``."""
    return f"{to_text(published)} {revision}"


def is_fresh(text: object, now: datetime, limit: timedelta) -> bool:
    """False too for what is no stamp, and for one from the future."""
    try:
        published = datetime.fromisoformat(str(text).split(" ")[0])
        return -AHEAD <= now - published <= limit
    except (ValueError, TypeError):
        return False
