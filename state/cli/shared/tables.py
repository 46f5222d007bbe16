"""Tables that fit the terminal, and colour where somebody sees it.

Rich is imported only where a table is printed: its import takes longer than a ``stateroom get``.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from io import StringIO

import click

from ...model.scopes import RUN_ID, AssetScope, StoreScope, TaskScope, label
from ...terminal import ending, ends, printable, shortened, width
from .connection import option_value

Line = Sequence[str]
_CUT = ("SCOPE", "KEY", "VALUE", "RESULT", "REFERENCE", "WHY", "ACTOR", "RUN", "URI", "CHANGE")
_LEAST = {"SCOPE": 20, "KEY": 12, "RESULT": 14, "ACTOR": 11}  # columns of those that are cut
_SHORTEST = 8
_GAP = 2  # columns between two cells
_NARROW = 110  # columns of a line below which times are short
_STYLES = {
    "expired": "red",
    "missing": "red",
    "corrupt": "red",
    "failed": "red",
    "foreign": "yellow",
    "malformed": "yellow",
    "up_for_retry": "yellow",
    "reference": "cyan",
    "success": "green",
    "ok": "green",
    "running": "green",
}
_DATED = re.compile(r"(.*?)(\d{4}-\d\d-\d\d)(T\d\d:\d\d)?(?=T|:|$).*", re.DOTALL)
_PREFIX = re.compile(r"[a-z_]+?__(.+)", re.DOTALL)  # of a run id: the type of the run
_UNLIMITED = 1_000_000  # columns


def columns_there() -> int | None:
    """The columns that a line may take; None for all that it needs.

    Those of ``COLUMNS``, else of the terminal; a pipe has no width, and ``--wide`` asks for all.
    """
    if option_value("wide"):
        return None
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    if sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    return None


def is_narrow() -> bool:
    """Whether lines are so short that times leave out what tells least."""
    return (columns_there() or _NARROW) < _NARROW


def is_coloured() -> bool:
    """Whether standard output shows colour: a terminal that has it, and no ``NO_COLOR``."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()


def table(
    head: Line,
    lines: Iterable[Line],
    widths: list[int] | None = None,
    optional: Line = (),
) -> str:
    """Lines in columns that fit; where there is no room, long cells end with an ellipsis.

    :param head: the names of the columns.
    :param widths: of the columns so far, which do not get narrower; empty before the first lines,
        and updated.
    :param optional: the columns that are left out first where there is no room.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [[printable(cell) for cell in line] for line in lines]
    limit = columns_there()
    head, cells = _without_optional(head, cells, optional, limit or _UNLIMITED)
    is_first = not widths
    if widths is None:
        widths = []
    _widen(widths, [head, *cells] if is_first else cells)
    grid = Table(
        box=None, show_header=is_first, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0)
    )
    fitting = _fitting(head, widths, limit or _UNLIMITED)
    for name, column_width in zip(head, fitting, strict=True):
        grid.add_column(name, no_wrap=True, width=column_width)
    for line in cells:
        grid.add_row(
            *(
                Text(_cut(name, cell, most), style=_style(cell), no_wrap=True, end="")
                for name, cell, most in zip(head, line, fitting, strict=True)
            )
        )
    console = Console(
        file=StringIO(),
        width=sum(fitting) + _GAP * len(fitting),
        color_system="standard" if is_coloured() else None,
        force_terminal=is_coloured(),
        highlight=False,
        emoji=False,
    )
    with console.capture() as capture:
        console.print(grid)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _without_optional(
    head: Line, cells: list[list[str]], optional: Line, limit: int
) -> tuple[Line, list[list[str]]]:
    """Leave out the optional columns, the last first, until the lines fit."""
    kept = list(range(len(head)))
    needed = [max(map(width, column)) for column in zip(head, *cells, strict=True)]
    for name in reversed(optional):
        if sum(needed[index] + _GAP for index in kept) - _GAP > limit:
            kept.remove(head.index(name))
    return [head[index] for index in kept], [[line[index] for index in kept] for line in cells]


def _widen(widths: list[int], lines: Sequence[Line]) -> None:
    for index, column in enumerate(zip(*lines, strict=True)):
        needed = max(map(width, column))
        if index < len(widths):
            widths[index] = max(widths[index], needed)
        else:
            widths.append(needed)


def _fitting(head: Line, widths: Sequence[int], limit: int) -> list[int]:
    """The widths of columns that fit into a line: the widest of those that may be cut give way, as
    far as they stay readable, and then further.
    """
    fitting = [min(needed, limit) for needed in widths]
    for least in (_LEAST, {}):
        while sum(fitting) + _GAP * (len(fitting) - 1) > limit:
            wide = [
                index
                for index, name in enumerate(head)
                if name in _CUT and fitting[index] > least.get(name, _SHORTEST)
            ]
            if not wide:
                break
            fitting[max(wide, key=fitting.__getitem__)] -= 1
    return fitting


def _cut(name: str, cell: str, most: int) -> str:
    """A cell that fits into its column; what tells it from its neighbours is kept."""
    if name == "SCOPE":
        return _scope_cut(cell, most)
    if name in ("REFERENCE", "RUN"):
        return ends(cell, most)
    if name == "ACTOR":
        return ending(cell, most)
    return shortened(cell, most)


def _scope_cut(cell: str, most: int) -> str:
    """A scope without the end of its Dag id, or without its beginning where that is not enough."""
    dag_id, slash, rest = cell.partition("/")
    left = most - width(slash + rest)
    if slash and left > 1:
        return shortened(dag_id, left) + slash + rest
    return ending(cell, most)


def _style(cell: str) -> str:
    word = cell.partition(" ")[0].strip("(),")
    return _STYLES.get(word, "")


def scope_cells(scopes: Iterable[StoreScope]) -> Callable[[StoreScope], str]:
    """How the scopes of a table are shown: where lines are limited, with run ids as short as they
    are unambiguous among these; ``--run`` takes them so.
    """
    runs = {scope.run_id for scope in scopes if isinstance(scope, TaskScope)}
    shown = {run: run for run in runs}
    if columns_there() is not None:
        shown = short_runs(runs)

    def cell(scope: StoreScope) -> str:
        if isinstance(scope, AssetScope) or scope.run_id == RUN_ID:
            return label(scope)
        run = shown.get(scope.run_id, scope.run_id)
        return label(TaskScope(scope.dag_id, run, scope.task_id, scope.map_index))

    return cell


def short_runs(runs: Iterable[str]) -> dict[str, str]:
    """Run ids as their date or, where two then look alike, with the minute, with what is before
    it, or whole; those without a date without their type. Where lines are short, a date has no
    year.
    """
    every = set(runs)
    return {run: _first_unambiguous(_parts(run), run, every) for run in every}


def _parts(run: str) -> list[str]:
    """The parts that may stand for a run id, the shortest first."""
    match = _DATED.fullmatch(run)
    if match:
        before, day, minute = match.groups(default="")
        parts = [day, day + minute, before + day, before + day + minute]
        if is_narrow():
            return [day[5:], *parts]
        return parts
    named = _PREFIX.fullmatch(run)
    if named:
        return [named[1]]
    return []


def _first_unambiguous(parts: list[str], run: str, every: set[str]) -> str:
    for part in parts:
        if [other for other in every if part in other] == [run]:
            return part
    return run


def echo_table(head: Line, lines: Sequence[Line], none: str, optional: Line = ()) -> None:
    """Print a table, or on standard error that there are no lines."""
    if lines:
        click.echo(table(head, lines, optional=optional), color=True)
    else:
        click.echo(none, err=True)
