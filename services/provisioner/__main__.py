"""`python -m provisioner`: the controller, on one machine or (``TIDEGATE_MODE=kubernetes``) on a cluster.

Stops by SIGTERM or SIGINT; safe to kill.
"""

import os
import signal
import sys
import threading

import structlog

from provisioner.bootstrap import Settings, build, only_one
from provisioner.controller.logs import configure_logs
from tidegate.model import ExitCode, TidegateError

log = structlog.get_logger("provisioner")


def main() -> int:
    configure_logs()
    try:
        if os.environ.get("TIDEGATE_MODE") == "kubernetes":
            return _lead()
        settings = Settings.read(os.environ)
        with only_one(settings.state):
            return _serve(settings)
    except TidegateError as error:
        # What went wrong is in the sentence; a traceback would bury it.
        log.warning("refused to start", code=error.code)
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _stopped_by_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _lead() -> int:
    """On a cluster. What is needed there is not installed elsewhere, so it is imported here."""
    from provisioner.bootstrap_kubernetes import build as build_for_cluster  # noqa: PLC0415
    from provisioner.controller.health import serve  # noqa: PLC0415
    from provisioner.kubernetes_settings import read_settings  # noqa: PLC0415

    settings, files = read_settings(os.environ)
    stop = _stopped_by_signal()
    service = build_for_cluster(settings, files, _end_at_once)
    server = serve(service.health, settings.health_port)
    log.info("provisioner started", namespace=settings.namespace, release=settings.release)
    done = service.run(stop)
    server.shutdown()
    if not done:
        log.warning("left a long step; it goes on at the next start")
        _flush_and_exit(ExitCode.DONE)
    log.info("provisioner stopped")
    return ExitCode.DONE


def _end_at_once() -> None:
    log.error("the lease is lost; the process ends")
    _flush_and_exit(ExitCode.FAILED)


def _flush_and_exit(code: int) -> None:
    sys.stderr.flush()
    os._exit(code)


def _serve(settings: Settings) -> int:
    stop = _stopped_by_signal()
    loop = build(settings, stop.is_set)
    log.info("provisioner started", state=str(settings.state), hub=settings.hub is not None)
    if not loop.run(stop):
        log.warning("left a long step; it goes on at the next start")
        # Its thread would hold the process; everything it does survives a kill.
        _flush_and_exit(ExitCode.DONE)
    log.info("provisioner stopped")
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main())
