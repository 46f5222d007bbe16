"""Compile a source anew that was just written.

Python takes what it has compiled of a file for current while the whole seconds of the file's time
and its size are the same: an edit of the same length within a second would not be seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from typing import Any

_YOUNG = 2.0  # seconds: a file that is older gets another time by the next edit


@contextmanager
def compiled_anew() -> Iterator[None]:
    """Neither read nor write what is compiled of young files."""
    path_stats = SourceFileLoader.path_stats

    def stats_of_old_files(loader: SourceFileLoader, path: str) -> Any:
        stats = path_stats(loader, path)
        if stats["mtime"] > time.time() - _YOUNG:
            raise OSError(
                f"{path} is too young for its compiled file"
            )  # the loader goes on without
        return stats

    SourceFileLoader.path_stats = stats_of_old_files  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        SourceFileLoader.path_stats = path_stats  # type: ignore[method-assign]
