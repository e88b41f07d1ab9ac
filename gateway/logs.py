"""Events → lines on standard error, by structlog."""

import sys
import traceback
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Literal, TextIO, cast

import structlog
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogBeginner

from gateway.telemetry import Event, Level, Sink

_ORDER: dict[Level, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def sink(level: Level, form: Literal["text", "json"], stream: TextIO = sys.stderr) -> Sink:
    """Where events of at least this level become lines."""
    renderer = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    plain = [_without_controls] if form == "text" else []
    logger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), *plain, renderer],
        wrapper_class=structlog.BoundLogger,
    ).bind()  # bound once: the proxy before that binds anew at every line

    def write(event: Event, context: Mapping[str, object]) -> None:
        if _ORDER[event.level] < _ORDER[level]:
            return
        # Nobody reads the pipe any more, or the disk is full: an answer to QUIT, and the end
        # of a lease, must not wait for a line of the log.
        with suppress(OSError, ValueError):
            logger.info(event.name(), level=event.level, **{**context, **event.values()})

    return write


def _without_controls(
    _logger: object, _method: str, fields: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    """What the upstream says must not steer the terminal that shows the log, nor end a line."""
    for name, value in fields.items():
        if isinstance(value, str) and not value.isprintable():
            fields[name] = "".join(
                each
                if each.isprintable() or each in "\n\t"
                else each.encode("unicode_escape").decode()
                for each in value
            )
    return fields


def take_over_twisted(stream: TextIO = sys.stderr) -> None:
    """Show of Twisted's own log only errors, without values: those might be secrets."""

    def observe(event: LogEvent) -> None:
        if event.get("log_level", LogLevel.info) < LogLevel.error:
            return
        # Twisted's reactor still reports a crash by its older log, under the other name.
        failure = event.get("log_failure") or event.get("failure")
        error = getattr(failure, "value", None)
        frames = traceback.format_tb(error.__traceback__) if error is not None else []
        name = type(error).__name__ if error is not None else event.get("log_namespace")
        stream.write(f"{''.join(frames)}twisted: {name}\n")

    globalLogBeginner.beginLoggingTo(
        [cast("ILogObserver", observe)], redirectStandardIO=False, discardBuffer=True
    )
