"""The three commands: `serve` the pages and the intake, `work` on scans and releases, `migrate` the database."""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Final

import uvicorn
from django.core.asgi import get_asgi_application

from egress_review.bootstrap.alive import WORK, note_of
from egress_review.bootstrap.environment import read_environment
from egress_review.bootstrap.framework import set_desk, start_django, start_logging
from egress_review.bootstrap.place import Place
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
        command()
    except TidegateError as error:
        return _say(str(error), error.exit_code)
    return ExitCode.DONE


def start(place: Place) -> Ports:
    """Everything in place: Django, the database as it should be, the ports."""
    start_django(place)
    place.prepare()
    ports = place.ports()
    set_desk(Desk(ports=ports, clock=utc_now, public_url=place.public_url))
    return ports


def on_cluster() -> bool:
    """The chart says so; the libraries for it are there only then."""
    return os.environ.get("TIDEGATE_MODE") == "kubernetes"


def place_here() -> Place:
    if not on_cluster():
        return read_environment(os.environ)
    place: Place = importlib.import_module("egress_review.bootstrap.cluster").read_cluster()
    return place


def serve() -> None:
    """Pages and intake; the proxy stands in front."""
    place = place_here()
    place.serve_beside(start(place))
    uvicorn.run(
        UploadGate(get_asgi_application()),
        host=place.address,
        port=place.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        # A read that waited runs in the context of the request that waited; the next one must not inherit it.
        reset_contextvars=True,
        timeout_graceful_shutdown=10,
    )


def work() -> None:
    """Scan and release until told to stop."""
    place = place_here()
    ports = start(place)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    Worker(ports, place.lease, utc_now, note_of(WORK)).run(stopping)


def migrate() -> None:
    """Bring the database up to date, and nothing more."""
    if on_cluster():
        importlib.import_module("egress_review.bootstrap.migration").migrate()
        return
    place = place_here()
    start_django(place)
    place.prepare()


COMMANDS: Final[dict[str, Callable[[], None]]] = {"serve": serve, "work": work, "migrate": migrate}


def _say(line: str, code: ExitCode) -> int:
    sys.stderr.write(f"{line}\n")
    return code
