"""Fixture documents as files and as tables: canonical text, safe writes, one row per entry."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import unicodedata
from itertools import zip_longest
from pathlib import Path
from typing import Any

from . import envelope
from .errors import BadDocument, masked

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_WIDEST = 72  # columns of a terminal
_WIDEST_VALUE = 48


def canonical(document: dict[str, Any]) -> str:
    """The text of a document: one member a line, the same for the same contents, so that it diffs well."""
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    # lone surrogates, which stand inside strings only, cannot be written as UTF-8
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def parse(text: str, source: str) -> dict[str, Any]:
    """Read a document's text.

    :raises BadDocument: if it is not a JSON object, with the line.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadDocument(source, f"{source} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise BadDocument(source, f"{source} is not a JSON object")
    return document


def read(path: Path) -> dict[str, Any]:
    """Read a document's file.

    :raises BadDocument: if it is not a JSON object in UTF-8.
    :raises OSError: if the file cannot be read.
    """
    try:
        return parse(path.read_text("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise BadDocument(str(path), f"{path} is not UTF-8: {error.reason} at byte {error.start}") from None


def write(path: Path, text: str) -> None:
    """Replace a file by its new contents at once: a reader, or a crash, sees the old one or the new one.

    A link stays one; what is no file, such as ``/dev/stdout``, is written to.

    :raises OSError: if it cannot be written; the old file is as it was.
    """
    if path.exists() and not path.is_file():
        path.write_text(text, "utf-8")
        return
    path = path.resolve()
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, name)
        else:
            os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    _sync_folder(path.parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per entry of a document, tasks' first."""
    return [*document.get("task_state_store", []), *document.get("asset_state_store", [])]


def table(entries: list[dict[str, Any]]) -> str:
    """The rows for a terminal."""
    return columns([("OF", "KEY", "VALUE", "UPDATED", "EXPIRES"), *(_line(entry) for entry in entries)])


def references_table(rows: list[dict[str, Any]]) -> str:
    """References, as the Control API lists them, for a terminal."""
    head = ("OF", "KEY", "HEALTH", "BACKEND", "SIZE", "WRITTEN", "REFERENCE")
    return columns([head, *(_reference_line(row) for row in rows)])


def _reference_line(row: dict[str, Any]) -> tuple[str, ...]:
    owner = _owner(row["scope"]) if row["scope"] else "(gone)"
    size = "" if row["size"] is None else str(row["size"])
    facts = (row["health"], row["backend"] or "unknown", size, second(row["written_at"]))
    return owner, printable(row["key"]), *facts, printable(row["ref"])


def orphans_table(rows: list[dict[str, Any]]) -> str:
    """Orphans, as the Control API lists them, for a terminal."""
    head = ("WRITTEN", "SIZE", "VERDICT", "REFERENCE")
    lines = [(second(row["written_at"]), str(row["size"] or ""), row["verdict"], printable(row["ref"])) for row in rows]
    return columns([head, *lines])


def columns(lines: list[tuple[str, ...]], widths: list[int] | None = None) -> str:
    """Lines of equally many texts below each other: what is too wide is cut, but for the last column.

    :param widths: of lines that stand above these, as this function left them; empty at first.
    """
    widths = [] if widths is None else widths
    cut = [(*(_cut(text, _WIDEST) for text in line[:-1]), line[-1]) for line in lines]
    own = [max(map(_width, column)) for column in zip(*cut, strict=True)]
    widths[:] = [max(pair) for pair in zip_longest(widths, own, fillvalue=0)]
    return "\n".join(
        "  ".join(text + " " * (width - _width(text)) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in cut
    )


def _line(entry: dict[str, Any]) -> tuple[str, ...]:
    ref = envelope.unwrap(entry["value"])
    value = json.dumps(entry["value"] if ref is None else envelope.wrap(masked(ref)), ensure_ascii=False)
    shown = _cut(printable(value), _WIDEST_VALUE)
    expires = "" if "asset" in entry else second(entry.get("expires_at")) or "never"
    return _owner(entry), printable(entry["key"]), shown, second(entry["updated_at"]), expires


def _owner(entry: dict[str, Any]) -> str:
    if "asset" in entry:
        return f"asset {printable(entry['asset'])}"
    index = f" [{entry['map_index']}]" if entry["map_index"] >= 0 else ""
    return printable(f"{entry['dag_id']} {entry['run_id']} {entry['task_id']}{index}")


def printable(text: str) -> str:
    """A text without control characters, for a terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def second(moment: str | None) -> str:
    """A moment as it is sent, without its fraction."""
    return moment[:19] + "Z" if moment else ""


def _cut(text: str, most: int) -> str:
    if _width(text) <= most:
        return text
    kept = ""
    for letter in text:
        if _width(kept + letter) >= most:
            break
        kept += letter
    return kept + "…"


def _width(text: str) -> int:
    """Columns of a terminal: two for a wide letter, none for an accent of its own."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
