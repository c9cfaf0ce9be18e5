"""Logs: one line per thing that happened, for people on a terminal and as JSON for machines.

Values of type `Secret` print as `***`; URLs are logged without user and password because the
settings never keep them there. What gets into a line all the same, in a library's words or a
traceback, is masked by its value in the finished line.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal, TextIO

import structlog

from vms.core.secret import masked

Form = Literal["console", "json"]


def configure_logging(
    form: Form | None = None, *, level: str = "info", stream: TextIO | None = None
) -> None:
    """Set up logging of this process; without `form`, console on a terminal, else JSON."""
    out = stream if stream is not None else sys.stderr
    chosen: Form = form if form is not None else ("console" if out.isatty() else "json")
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(colors=out.isatty())
        if chosen == "console"
        else structlog.processors.JSONRenderer(default=str)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _Masking(renderer),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    # Libraries log through `logging`: warnings and worse are let through, as they are.
    logging.basicConfig(level=logging.WARNING, stream=out, force=True)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_MaskingFormatter(logging.BASIC_FORMAT))


class _Masking:
    """A renderer whose lines hold no secret."""

    def __init__(self, renderer: structlog.types.Processor) -> None:
        self._renderer = renderer

    def __call__(
        self, logger: structlog.types.WrappedLogger, name: str, event: structlog.types.EventDict
    ) -> str:
        return masked(str(self._renderer(logger, name, event)))


class _MaskingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of a module; every line carries the module's name."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger
