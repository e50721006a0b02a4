"""`python -m provisioner.loader STAGE`: one stage of a cohort, in a job of its own. Started by `KubernetesCohorts`.

Progress and records are JSON lines on stdout. How it ended is a JSON object in the container's termination message: a
code, a sentence and what to do, or nothing wrong. Safe to kill at any moment and to run again.
"""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from pydantic import ValidationError

from provisioner.domain.loading import Order, Stage, failed_result
from provisioner.loader.work import Places, work
from tidegate.model import ExitCode, TidegateError

ENDED = 128 + signal.SIGTERM


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, _end)  # as the first process of a container the system would not end us by itself
    places = Places.read(os.environ)
    try:
        result = work(_stage(arguments), _order(os.environ.get("TIDEGATE_ORDER", "")), places, _say)
    except TidegateError as error:
        result = failed_result(error)
    except OSError as error:
        result = failed_result(_of_the_disk(error))
    places.result.write_text(result.to_message(), encoding="utf-8")
    return ExitCode.FAILED if result.code else ExitCode.DONE


def _stage(arguments: list[str]) -> Stage:
    if len(arguments) != 1 or arguments[0] not in tuple(Stage):
        raise TidegateError(
            "wrong_usage",
            f"The loader takes one stage: {', '.join(Stage)}.",
            "The provisioner starts it; people do not.",
            ExitCode.USAGE,
        )
    return Stage(arguments[0])


def _order(text: str) -> Order:
    try:
        return Order.model_validate_json(text)
    except ValidationError as error:
        sentence = f"The loader's order cannot be read ({error.error_count()} fields are wrong)."
        raise TidegateError("LOADER_ORDER", sentence, "Are the provisioner and its loader of one version?") from None


def _of_the_disk(error: OSError) -> TidegateError:
    return TidegateError(
        "STORE_FAILED",
        f"The volume of the cohort cannot be used: {error.strerror or type(error).__name__}.",
        "The operator should look at the volume and at the rights of its folder.",
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(ENDED)  # everything on the volume survives a kill


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
