"""Draw docs/architecture.svg from the imports in the source: python docs/draw_architecture.py

A box is a package, an arrow an import; one that a longer way implies is left out. Nothing of it is
placed by hand: a box stands one row below the lowest of those that import it.
"""

from __future__ import annotations

import ast
import graphlib
import statistics
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 1400
BOX_HEIGHT = 34
ROW = 78
MARGIN = 20
COLOURS = {"app": "#e8e8e8", "web": "#cfe2ff", "schemas": "#ffe8b8", "state": "#d3f0d6"}
Graph = dict[str, set[str]]


class Place(NamedTuple):
    """Where a box stands, in pixels."""

    left: float
    top: float
    width: float

    @property
    def middle(self) -> float:
        return self.left + self.width / 2


def sources() -> dict[str, Path]:
    """Every module by its dotted name; a package by that of its folder."""
    paths = [ROOT / "app.py"]
    for part in ("web", "schemas", "state"):
        paths += sorted((ROOT / part).rglob("*.py"))
    return {name_of(path): path for path in paths}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(parts)


def imported(path: Path, modules: dict[str, Path]) -> set[str]:
    """The modules of ours that a file imports, relative names resolved."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = absolute_name(node, package)
            names = {f"{module}.{alias.name}" for alias in node.names}
            imported |= names & set(modules)
            if not names <= set(modules):
                imported.add(module)
    return imported & set(modules)


def absolute_name(node: ast.ImportFrom, package: tuple[str, ...]) -> str:
    """The module that ``from … import`` names, seen from a package."""
    parts = package[: len(package) - node.level + 1] if node.level else ()
    if node.module:
        parts = (*parts, node.module)
    return ".".join(parts)


def box_of(module: str, modules: dict[str, Path], apart: set[str]) -> str:
    """The package that a module stands in, or the module itself where its package's modules stand
    apart.
    """
    if modules[module].name == "__init__.py" or "." not in module:
        return module
    package = module.rpartition(".")[0]
    if package in apart:
        return module
    return package


def imports(modules: dict[str, Path]) -> tuple[Graph, Counter[str]]:
    """Which box imports which, and how many modules each has.

    A package whose modules stand above and below the packages inside it (``web``, ``state.store``)
    is drawn module by module: as one box it would import itself through them.
    """
    direct = {module: imported(path, modules) for module, path in modules.items()}
    apart: set[str] = set()
    while True:
        graph, sizes = _boxes(modules, direct, apart)
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            apart.add(min((box for box in error.args[1] if box not in apart), key=len))
        else:
            return graph, sizes


def _boxes(modules: dict[str, Path], direct: Graph, apart: set[str]) -> tuple[Graph, Counter[str]]:
    graph: Graph = {}
    sizes: Counter[str] = Counter()
    for module, path in modules.items():
        box = box_of(module, modules, apart)
        others = {box_of(other, modules, apart) for other in direct[module]}
        sizes[box] += path.name != "__init__.py"
        graph.setdefault(box, set()).update(others - {box})
    return graph, sizes


def without_implied(graph: Graph) -> Graph:
    """The arrows that no longer way implies."""
    below: Graph = {}
    for box in graphlib.TopologicalSorter(graph).static_order():
        direct = graph.get(box, set())
        below[box] = direct.union(*(below[other] for other in direct))
    return {
        box: {
            other
            for other in direct
            if not any(other in below[between] for between in direct - {other})
        }
        for box, direct in graph.items()
    }


def rows_of(graph: Graph) -> list[list[str]]:
    """Boxes by row: below the lowest of those that import it."""
    level: dict[str, int] = {}
    order = list(graphlib.TopologicalSorter(graph).static_order())
    for box in reversed(order):
        importers = [level[other] for other, direct in graph.items() if box in direct]
        level[box] = max(importers, default=-1) + 1
    rows: list[list[str]] = [[] for _ in range(max(level.values()) + 1)]
    for box in sorted(level):
        rows[level[box]].append(box)
    return rows


def places_of(rows: list[list[str]], graph: Graph) -> dict[str, Place]:
    """Where each box stands: in its row, as near as possible below its importers."""
    places: dict[str, Place] = {}

    def importers_middle(box: str) -> float:
        middles = [
            places[other].middle
            for other, direct in graph.items()
            if box in direct and other in places
        ]
        return statistics.fmean(middles or [0.0])

    for number, row in enumerate(rows):
        row = sorted(row, key=lambda box: (importers_middle(box), box))
        widths = [7.0 * len(box) + 36 for box in row]
        gap = (WIDTH - 2 * MARGIN - sum(widths)) / len(row)
        left = MARGIN + gap / 2
        for box, width in zip(row, widths, strict=True):
            places[box] = Place(left, MARGIN + number * ROW, width)
            left += width + gap
    return places


def draw() -> str:
    """The picture as SVG."""
    modules = sources()
    graph, sizes = imports(modules)
    shown = without_implied({box: direct for box, direct in graph.items() if sizes[box]})
    shown = {box: {other for other in direct if sizes[other]} for box, direct in shown.items()}
    rows = rows_of(shown)
    places = places_of(rows, shown)
    height = MARGIN + len(rows) * ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="13">',
        "<title>The packages of Stateroom, and which imports which</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for box in sorted(shown):
        parts += [_arrow(places[box], places[other], box) for other in sorted(shown[box])]
    parts += [_box(box, places[box], sizes[box]) for box in sorted(places)]
    return "\n".join([*parts, "</svg>", ""])


def _arrow(above: Place, below: Place, importer: str) -> str:
    x1 = above.middle
    y1 = above.top + BOX_HEIGHT
    x2 = below.middle
    y2 = below.top - 2
    middle = (y1 + y2) / 2
    colour = {"web": "#3b6fb6", "app": "#555555", "schemas": "#a8791a"}.get(
        importer.partition(".")[0], "#3d8b4a"
    )
    path = f"M{x1:.0f} {y1:.0f} C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2:.0f}"
    head = f"M{x2 - 4:.0f} {y2 - 7:.0f} L{x2:.0f} {y2:.0f} L{x2 + 4:.0f} {y2 - 7:.0f}"
    return f'<path d="{path} {head}" fill="none" stroke="{colour}" stroke-width="1.2"/>'


def _box(name: str, place: Place, modules: int) -> str:
    left, top, width = place
    colour = COLOURS[name.partition(".")[0]]
    text = escape(name.replace(".", "/"))
    return (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{BOX_HEIGHT}" rx="6" '
        f'fill="{colour}" stroke="#444444"/>'
        f'<text x="{left + width / 2:.0f}" y="{top + 22:.0f}" text-anchor="middle" fill="#111111">'
        f'{text} <tspan fill="#555555" font-size="11">{modules}</tspan></text>'
    )


if __name__ == "__main__":
    (ROOT / "docs" / "architecture.svg").write_text(draw(), "utf-8")
