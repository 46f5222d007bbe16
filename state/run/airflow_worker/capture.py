"""The log of this process as records, while its own configuration stays."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Record = dict[str, Any]


@contextmanager
def captured(on_record: Callable[[Record], None]) -> Iterator[None]:
    """Pass the log on, of structlog and of the standard library, as a supervisor writes it."""
    import structlog

    former = structlog.get_config()
    handler = _Handler(on_record)
    root = logging.getLogger()
    structlog.configure(
        processors=[*_processors(), _Sink(on_record)],
        wrapper_class=former["wrapper_class"],
        logger_factory=_Name,
        cache_logger_on_first_use=False,
    )
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        structlog.configure(**former)


class _Name:
    """What stands behind a logger of structlog: its name."""

    def __init__(self, *names: Any) -> None:
        self.name = names[0] if names else None


def _processors() -> list[Any]:
    import structlog
    from airflow.sdk.log import mask_logs

    details = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.ExceptionRenderer(details),
        mask_logs,
    ]


class _Sink:
    """The last processor: nothing is written."""

    def __init__(self, on_record: Callable[[Record], None]) -> None:
        self._on_record = on_record

    def __call__(self, logger: Any, method: str, event: Record) -> Any:
        import structlog

        record = {name: event.pop(name) for name in ("timestamp", "level", "event")}
        if "exception" in event:
            event["error_detail"] = event.pop("exception")
        if getattr(logger, "name", None) and "logger" not in event:
            event["logger"] = logger.name
        self._on_record({**record, **event})
        raise structlog.DropEvent


class _Handler(logging.Handler):
    """Turns a record of the standard library into an event of structlog."""

    def __init__(self, on_record: Callable[[Record], None]) -> None:
        super().__init__(logging.INFO)
        self._sink = _Sink(on_record)

    def emit(self, record: logging.LogRecord) -> None:
        import structlog

        event: Any = {"event": record.getMessage(), "logger": record.name}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        level = record.levelname.lower()
        for processor in _processors():
            event = processor(None, level, event)
        try:
            self._sink(None, level, event)
        except structlog.DropEvent:
            pass
