"""The log of this process as records, while its own configuration stays."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

Record = dict[str, Any]
_NAMES = {"exception": "error_detail", "logger_name": "logger"}  # as a supervisor writes them


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
    level = root.level
    root.addHandler(handler)
    root.setLevel(min(level, logging.INFO))
    try:
        yield
    finally:
        root.setLevel(level)
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
    place = structlog.processors.CallsiteParameter
    return [
        _drop_debug,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.CallsiteParameterAdder([place.FILENAME, place.LINENO]),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.ExceptionRenderer(details),
        mask_logs,
    ]


def _drop_debug(logger: Any, method: str, event: Record) -> Record:
    import structlog

    if method in ("debug", "notset"):
        raise structlog.DropEvent
    return event


class _Sink:
    """The last processor: nothing is written."""

    def __init__(self, on_record: Callable[[Record], None]) -> None:
        self._on_record = on_record

    def __call__(self, logger: Any, method: str, event: Record) -> Any:
        import structlog

        record = {name: event.pop(name) for name in ("timestamp", "level", "event")}
        for name, supervised in _NAMES.items():
            if name in event:
                event[supervised] = event.pop(name)
        if getattr(logger, "name", None):
            event.setdefault("logger", logger.name)
        text = json.dumps({**record, **event}, default=repr)
        self._on_record(json.loads(text))
        raise structlog.DropEvent


class _Handler(logging.Handler):
    """Turns a record of the standard library into an event of structlog."""

    def __init__(self, on_record: Callable[[Record], None]) -> None:
        super().__init__(logging.INFO)
        self._sink = _Sink(on_record)

    def emit(self, record: logging.LogRecord) -> None:
        import structlog

        event: Any = {"event": record.getMessage(), "logger": record.name, "_record": record}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        level = record.levelname.lower()
        with suppress(structlog.DropEvent):
            for processor in _processors():
                event = processor(None, level, event)
            del event["_record"]
            self._sink(None, level, event)
