"""Reports what was drawn to the ledger, through the intake. `app` runs `report_for_ever` beside the server."""

import asyncio
import logging
from typing import Final

from workspace.session.budget import Budget
from workspace.session.intake import Intake, IntakeError

INTERVAL: Final = 1.0
_log = logging.getLogger(__name__)


async def report(budget: Budget, intake: Intake) -> None:
    """Put what is pending into the ledger and learn the total; where that fails, nothing more is drawn."""
    pending = budget.pending()
    try:
        if pending:
            budget.recorded(pending, await intake.add_drawn(pending))
        elif budget.usage().drawn is None:
            budget.recorded({}, await intake.drawn_total())
    except IntakeError as error:
        budget.unknown()
        _log.warning("The drawn bytes could not be recorded, so nothing is shown: %s", error.code)


async def report_for_ever(budget: Budget, intake: Intake, interval: float = INTERVAL) -> None:
    while True:
        await report(budget, intake)
        await asyncio.sleep(interval)
