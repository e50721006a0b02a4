"""How the process says what it does. Called once, by `__main__`."""

import logging
import os
import sys

import structlog


def configure_logs() -> None:
    """JSON lines where a program reads them, colours where a person does."""
    person = os.isatty(sys.stderr.fileno())
    renderer = structlog.dev.ConsoleRenderer() if person else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
