"""`python -m provisioner`: the controller as a service of the hub. Stops by SIGTERM or SIGINT; safe to kill."""

import os
import signal
import sys
import threading

import structlog

from provisioner.bootstrap import Settings, build, configure_logs, only_one
from tidegate.model import ExitCode, TidegateError

log = structlog.get_logger("provisioner")


def main() -> int:
    configure_logs()
    try:
        settings = Settings.read(os.environ)
        with only_one(settings.state):
            return _serve(settings)
    except TidegateError as error:
        # What went wrong is in the sentence; a traceback would bury it.
        log.warning("refused to start", code=error.code)
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _serve(settings: Settings) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    loop = build(settings, stop.is_set)
    log.info("provisioner started", state=str(settings.state), hub=settings.hub is not None)
    if not loop.run(stop):
        log.warning("left a long step; it goes on at the next start")
        # Its thread would hold the process; everything it does survives a kill.
        sys.stderr.flush()
        os._exit(ExitCode.DONE)
    log.info("provisioner stopped")
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main())
