"""The errors of a log's record as a traceback, for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .model.log_records import Record, errors_of, frames_of, lists_of

Source = Callable[[str, int], str]
_DEEPEST = 4  # groups in each other
_AIRFLOW = ("-packages/airflow/", "-packages/airflow/sdk/")
_CAUSE = "The error above was the cause of the next one:"
_CONTEXT = "While the error above was handled, the next one was raised:"


def _no_source(filename: str, number: int) -> str:
    return ""


def traceback_of(record: Record, source: Source = _no_source) -> str | None:
    """The errors of a record, as Python prints them, from the first frame that is not Airflow's, if
    there is one; that which was raised last is at the end. None if a record has no error.

    :param source: returns a line of a file by its number; empty if there is none.
    """
    return "\n".join(_chain(errors_of(record), source, _DEEPEST)) or None


def _chain(errors: Sequence[Record], source: Source, depth: int) -> Iterator[str]:
    """The lines of errors, each of which led to the one before it.

    :param depth: how many groups in each other are shown.
    """
    for position in range(len(errors) - 1, -1, -1):
        yield from _error(errors[position], source, depth)
        if position:
            yield ""
            yield _CAUSE if errors[position].get("is_cause") else _CONTEXT
            yield ""


def _error(error: Record, source: Source, depth: int) -> Iterator[str]:
    """The lines of an error: its frames, what it says, its notes, and the errors of a group."""
    yield "Traceback (most recent call last):"
    frames = frames_of(error)
    for frame in frames[_first(frames) :]:
        filename = str(frame.get("filename"))
        number = frame.get("lineno")
        yield f'  File "{filename}", line {number}, in {frame.get("name")}'
        line = source(filename, number).strip() if isinstance(number, int) else ""
        if line:
            yield f"    {line}"
    yield f"{error.get('exc_type')}: {error.get('exc_value')}"
    notes = error.get("exc_notes")
    if isinstance(notes, list):
        yield from map(str, notes)
    members = lists_of(error.get("exceptions")) if depth else []
    for number, errors in enumerate(members, 1):
        yield f"  Error {number} of the {len(members)} of the group:"
        yield from (f"  {line}" for line in _chain(errors, source, depth - 1))


def _first(frames: Sequence[Record]) -> int:
    """The first frame that is not Airflow's, else the first that is not the task runner's."""
    for package in _AIRFLOW:
        for number, frame in enumerate(frames):
            if package not in str(frame.get("filename")):
                return number
    return 0
