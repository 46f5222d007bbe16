"""The rows of no single task instance or asset: Dags, aliases, events, variables, connections."""

from __future__ import annotations

from collections.abc import Container

from .parts import Document, Row, has_secret, renumbered, text_of
from .report import Report
from .target import Contents, Unit

_LISTS = ("dags", "asset_aliases", "variables", "connections")


def units_of_rest(
    document: Document, contents: Contents, ids: dict[int, int], report: Report
) -> list[Unit]:
    """The rows that the copy does not have, one a unit.

    :param document: all of the original; and ``contents``, what the copy has.
    :param ids: those of assets in the copy, by those in the original.
    :param report: is told what is left out.
    """
    units = []
    for name in _LISTS:
        known = {text_of(row) for row in contents.document.get(name, ())}
        rows = [renumbered(row, ids) for row in document.get(name, ())]
        left_out = [row for row in rows if has_secret(row)]
        if left_out:
            names = ", ".join(map(_name, left_out))
            report.notes.append(f"{name} with secrets are left out without --with-secrets: {names}")
        changed = [row for row in rows if text_of(row) not in known and not has_secret(row)]
        units += [Unit(None, {name: [row]}) for row in changed]
    return units + _events(document, contents, ids)


def without_refused(document: Document, contents: Contents, refused: Container[str]) -> Document:
    """A document without the events of the assets that were refused, whose names mean other ones in
    the copy, and without their places in aliases, but where those others have them already.

    :param refused: the names.
    """
    members = {row["name"]: row["assets"] for row in contents.document.get("asset_aliases", ())}
    aliases = []
    for row in document.get("asset_aliases", ()):
        ours = members.get(row["name"], ())
        kept = [asset for asset in row["assets"] if asset not in refused or asset in ours]
        aliases.append({**row, "assets": kept})
    events = [row for row in document.get("asset_events", ()) if row["asset"] not in refused]
    return {**document, "asset_aliases": aliases, "asset_events": events}


def _name(row: Row) -> str:
    return str(row.get("key") or row["conn_id"])


def _events(document: Document, contents: Contents, ids: dict[int, int]) -> list[Unit]:
    """The events of assets that the copy does not have; one whose number is taken there gets the
    next one.
    """
    rows = contents.document.get("asset_events", [])
    known = {text_of({**row, "id": 0}) for row in rows}
    taken = {row["id"] for row in rows}
    units = []
    for event in document.get("asset_events", ()):
        row = renumbered(event, ids)
        if text_of({**row, "id": 0}) in known:
            continue
        if row["id"] in taken:
            row["id"] = max(taken) + 1
        taken.add(row["id"])
        units.append(Unit(None, {"asset_events": [row]}))
    return units
