"""Fixture documents as files and as tables: canonical text, safe writes, one row per entry."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ..errors import BadDocument

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def canonical(document: dict[str, Any]) -> str:
    """The text of a document, one member a line; the same text for the same contents."""
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    # lone surrogates, which stand inside strings only, cannot be written as UTF-8
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


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
        raise BadDocument(
            str(path), f"{path} is not UTF-8: {error.reason} at byte {error.start}"
        ) from None


def write(path: Path, text: str) -> None:
    """Replace a file atomically: a reader, or a crash, finds the old contents or the new ones.

    A symbolic link is kept; a path that is not a regular file, such as ``/dev/stdout``, is written
    to.

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
