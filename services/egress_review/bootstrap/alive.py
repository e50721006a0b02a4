"""`python -m egress_review.bootstrap.alive work|scan`: whether that loop of this pod still turns; its liveness probe.

The loops have no port to be asked on, and the scan worker has no network. Each touches a file as it goes.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

WORK: Final = "work"
SCAN: Final = "scan"
# The longest wait for one file, and some.
MOST_SECONDS: Final = 300.0


def file_of(loop: str) -> Path:
    return Path(tempfile.gettempdir()) / f"tidegate-{loop}.alive"


def note_of(loop: str) -> Callable[[], None]:
    """What a loop calls as it turns."""
    return file_of(loop).touch


def is_alive(loop: str, now: float) -> bool:
    try:
        return now - file_of(loop).stat().st_mtime < MOST_SECONDS
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if sys.argv[1:] in ([WORK], [SCAN]) and is_alive(sys.argv[1], time.time()) else 1)
