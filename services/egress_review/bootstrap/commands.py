"""The three commands: `serve` the pages and the intake, `work` on scans and releases, `migrate` the database."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Final

import uvicorn
from django.core.asgi import get_asgi_application

from egress_review.bootstrap.environment import Environment, read_environment
from egress_review.bootstrap.framework import migrate, set_desk, start_django, start_logging
from egress_review.bootstrap.worker import Worker
from egress_review.ports import Ports
from egress_review.web.desk import Desk
from egress_review.web.upload import UploadGate
from tidegate.model import ExitCode, TidegateError, utc_now

USAGE: Final = "usage: python -m egress_review serve|work|migrate"


def main(arguments: Sequence[str]) -> int:
    """Run one command; an error is one line on standard error and the error's exit code."""
    command = COMMANDS.get(arguments[0]) if len(arguments) == 1 else None
    if command is None:
        return _say(USAGE, ExitCode.USAGE)
    start_logging()
    try:
        environment = read_environment(os.environ)
        command(environment, start(environment))
    except TidegateError as error:
        return _say(str(error), error.exit_code)
    return ExitCode.DONE


def start(environment: Environment) -> Ports:
    """Everything in place: Django, the database as it should be, the ports."""
    start_django(environment)
    migrate(environment)
    from egress_review.bootstrap.wiring import build_ports  # noqa: PLC0415 - models need Django set up

    ports = build_ports(environment)
    set_desk(Desk(ports=ports, clock=utc_now, public_url=environment.public_url))
    return ports


def serve(environment: Environment, _ports: Ports) -> None:
    """Pages and intake on loopback; the proxy stands in front."""
    uvicorn.run(
        UploadGate(get_asgi_application()),
        host="127.0.0.1",
        port=environment.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        # A read that waited runs in the context of the request that waited; the next one must not inherit it.
        reset_contextvars=True,
        timeout_graceful_shutdown=10,
    )


def work(environment: Environment, ports: Ports) -> None:
    """Scan and release until told to stop."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    Worker(ports, environment.lease, utc_now).run(stopping)


def _nothing_more(_environment: Environment, _ports: Ports) -> None:
    """`migrate`: `start` has done it."""


COMMANDS: Final[dict[str, Callable[[Environment, Ports], None]]] = {
    "serve": serve,
    "work": work,
    "migrate": _nothing_more,
}


def _say(line: str, code: ExitCode) -> int:
    sys.stderr.write(f"{line}\n")
    return code
