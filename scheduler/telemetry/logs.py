"""Log lines on standard error, for people (text) or collectors (JSON).

Owns the format only. Call sites name the event and give key=value pairs; values that could hold a secret are never
passed to a logger in the first place.
"""

from __future__ import annotations

import logging
import sys

import structlog

from scheduler.config.settings import LoggingSettings, LogLevel


def level_of(verbosity: int) -> LogLevel:
    """For people who know ``-v`` of Kubernetes' components: 2 shows what was decided, 4 and more the details."""
    if verbosity >= 4:
        return "debug"
    return "info" if verbosity >= 2 else "warning"


def configure(settings: LoggingSettings) -> None:
    """Sets the process's log format and level. Called once, before anything else logs."""
    level = getattr(logging, settings.level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.format == "json":
        shared += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # Plain tracebacks: the default ones show local variables, among which a password may be.
        plain = structlog.dev.plain_traceback
        shared += [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=36, exception_formatter=plain)
        ]
    structlog.configure(
        processors=shared,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,  # or each call, written or not, puts a logger together anew
    )
    # The libraries' own loggers are of interest only when something is wrong with them.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
