"""What a transfer carried, what was refused and why, and what is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..model.scopes import StoreScope, label, scope_document
from ..words import count

Progress = Callable[[int, int], None]  # is told how many of how many are done
MOST_SHOWN = 20  # sentences of a kind for people; a report as JSON has all
NOUNS = (  # of what is carried, in the order in which a report has them
    *("key", "task instance", "former attempt", "dag run", "asset", "XCom", "Dag", "alias"),
    *("asset event", "reschedule", "variable", "connection", "event of the journal"),
)
_PLURALS = {"alias": "aliases", "event of the journal": "events of the journal"}


class Refusal(NamedTuple):
    """Something that was not carried.

    :param scope: whose it is; None for what belongs to none.
    :param key: None for all of a scope.
    :param what: the same for people.
    """

    scope: StoreScope | None
    key: str | None
    what: str
    why: str


@dataclass
class Report:
    """The result of a transfer.

    :ivar carried: numbers by nouns, in the singular.
    :ivar unchanged: keys that were there already with this value.
    :ivar skipped: numbers of task instances that were not read again, by the reason.
    :ivar notes: sentences on what a reader would not expect.
    :ivar lost: what the way does not carry.
    """

    dry_run: bool = False
    carried: Counter[str] = field(default_factory=Counter)
    unchanged: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    refused: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lost: tuple[str, ...] = ()

    def refuse(self, scope: StoreScope, key: str | None, why: str) -> None:
        what = label(scope)
        if key is not None:
            what = f"key {key!r} of {what}"
        self.refused.append(Refusal(scope, key, what, why))

    def refuse_row(self, what: str, why: str) -> None:
        """Add a row that belongs to no task instance and no asset.

        :param what: for people, such as ``variable 'page_size'``.
        """
        self.refused.append(Refusal(None, None, what, why))

    def as_json(self) -> dict[str, Any]:
        return {
            "dry_run": self.dry_run,
            "carried": dict(+self.carried),
            "unchanged": self.unchanged,
            "skipped": dict(self.skipped),
            "refused": [
                {"scope": scope_document(scope) or None, "key": key, "what": what, "why": why}
                for scope, key, what, why in self.refused
            ],
            "notes": self.notes,
            "lost": list(self.lost),
        }

    def sentences(self) -> list[str]:
        """The result for people, without what was refused."""
        verb = "carried"
        if self.dry_run:
            verb = "would carry"
        things = [
            count(self.carried[noun], noun, _PLURALS.get(noun))
            for noun in NOUNS
            if self.carried[noun]
        ]
        lines = [f"{verb} {', '.join(things) or 'nothing'}"]
        if self.unchanged:
            lines.append(f"there already: {count(self.unchanged, 'key')}")
        lines += [f"skipped {count(n, 'task instance')}: {why}" for why, n in self.skipped.items()]
        lines += first(self.notes, "note")
        if self.lost:
            lines.append(f"not carried by this way: {', '.join(self.lost)}")
        return lines

    def refusals(self) -> list[str]:
        """What was refused, for people."""
        lines = [f"refused: {refusal.what}: {refusal.why}" for refusal in self.refused]
        return first(lines, "refusal")


def first(lines: list[str], noun: str) -> list[str]:
    """The first lines of many, and how many more there are."""
    if len(lines) <= MOST_SHOWN:
        return lines
    more = count(len(lines) - MOST_SHOWN, noun)
    return [*lines[:MOST_SHOWN], f"and {more} more: --json has all"]
