"""`python -m egress_review scan`: the scan worker with the tasks it knows. Imports neither Django nor a client.

TIDEGATE_SPOOL names the spool; nothing else is read from the environment, and no secret is mounted here.
"""

import logging
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from egress_review.adapters import reencode
from egress_review.bootstrap.alive import SCAN, note_of
from egress_review.bootstrap.selftest import check_cells
from egress_review.checks.answers import MOST_ANSWER
from egress_review.checks.cell import CellLimits
from egress_review.checks.child import answer_bytes
from egress_review.checks.limits import ScanLimits
from egress_review.checks.spool import MOST_ANSWER as MOST_PARCEL
from egress_review.checks.spool import Parcel
from egress_review.checks.worker import ScanWorker, Work
from tidegate.model import TidegateError

MEBIBYTE: Final = 1024 * 1024
DRAWING: Final = CellLimits(seconds=30.0, memory_bytes=1024 * MEBIBYTE, output_bytes=MOST_PARCEL - MEBIBYTE)
# A dispatcher is ours, but nothing it could ask for may exceed what the pod can hold.
MOST_SECONDS: Final = 60.0
MOST_MEMORY: Final = 1024 * MEBIBYTE


def works() -> Mapping[str, Work]:
    return {
        "scan": Work(lambda job: answer_bytes(job.body), _limits_of),
        "redraw": Work(lambda job: reencode.redrawn(job.body), lambda _job: DRAWING),
    }


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    try:
        check_cells(works())
    except TidegateError as error:
        logging.getLogger(__name__).critical("%s", error)
        return error.exit_code
    ScanWorker(Path(os.environ.get("TIDEGATE_SPOOL", "/spool")), works(), note_of(SCAN)).run(stopping)
    return 0


def _limits_of(job: Parcel) -> CellLimits:
    facts: dict[str, Any] = job.facts["limits"]
    limits = ScanLimits(**facts)
    return CellLimits(min(limits.seconds, MOST_SECONDS), min(limits.memory_bytes, MOST_MEMORY), MOST_ANSWER)
