"""Events as a picture: attempts as lanes, time from left to right, a mark with a word for each.

A mark has a column of its own, so that words never overlap; where nothing happened for long, the
axis says how long. The colours follow the reader's preference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from .model.events import CLOSED, KEY_NOT_FOUND, VERBS
from .words import duration

_LETTER = 6.4  # pixels of a letter of 11 px
_PADDING = 14  # between two words
_LANE = 44  # height of a lane
_TOP = 10
_AXIS = 34  # height of the axis
_LONGEST = 22  # letters of a word
_GAP = 1.0  # seconds without an event that the axis tells
_COLOURS = {  # of the words, lines, sheet, reads, writes, misses and time, refusals, states
    "light": "#3d4654 #c5cbd5 #ffffff #57606a #0b57d0 #8a5300 #b3261e #146c2e",
    "dark": "#c9d1d9 #444c56 #1b1f25 #adbac7 #79aefc #e3b341 #ff8a80 #7ee787",
}


def _style(colours: str) -> str:
    word, line, sheet, read, write, warn, bad, good = _COLOURS[colours].split()
    return f"""
svg {{ background: {sheet}; }}
text {{ font: 11px ui-sans-serif, system-ui, sans-serif; fill: {word}; }}
.lane {{ font-weight: 600; }}
.line {{ stroke: {line}; stroke-width: 2; }}
.axis {{ stroke: {line}; }}
.mark {{ stroke: {sheet}; }}
.write .mark {{ fill: {write}; }}
.read .mark {{ fill: {sheet}; stroke: {read}; }}
.miss .mark {{ fill: {sheet}; stroke: {warn}; stroke-dasharray: 2 1; }}
.time .mark {{ fill: {warn}; }}
.bad .mark {{ fill: {bad}; }}
.state .mark {{ fill: {good}; }}
a:focus-visible .mark, a:hover .mark {{ stroke: {word}; stroke-width: 2; }}
"""


_SHAPES = {  # of a mark around (0, 0)
    "write": '<circle class="mark" r="6"/>',
    "read": '<circle class="mark" r="5.5"/>',
    "miss": '<circle class="mark" r="5.5"/>',
    "bad": '<path class="mark" d="M0-7 7 0 0 7-7 0z"/>',
    "state": '<rect class="mark" x="-6" y="-6" width="12" height="12" rx="2"/>',
    "time": '<path class="mark" d="M0-7 7 6H-7z"/>',
}


class Mark(NamedTuple):
    """What happened at a moment.

    :param at: Unix seconds, by the clock of the namespace.
    :param lane: the name of its lane.
    :param kind: ``write``, ``read``, ``miss``, ``bad`` for a refusal or a fault, ``state`` or
        ``time``.
    :param text: a sentence, which a pointer on the mark shows.
    :param link: where the mark leads; None for nowhere.
    """

    at: float
    lane: str
    kind: str
    word: str
    text: str
    link: str | None = None


def kind_of(op: str, outcome: str | None, status: int | None) -> str:
    """The kind of an event's mark."""
    if outcome == KEY_NOT_FOUND:
        return "miss"
    if op == "fault" or outcome == CLOSED or (status or 200) >= 400:
        return "bad"
    if op in ("state", "create", "heartbeat"):
        return "state"
    if op in ("clock", "clean"):
        return "time"
    if op.startswith(("get", "list")):
        return "read"
    return "write"


def word_of(op: str, key: str | None, state: str | None) -> str:
    """The word of an event's mark: ``set job_id``, ``success``, ``clock``."""
    if state is not None:
        return state.replace("_", " ")
    if op == "create":
        return "created"
    words = [VERBS.get(op, op)]
    if key is not None:
        words.append(key)
    return " ".join(words)


def with_outcome(word: str, kind: str, status: int | None) -> str:
    """The word of a mark, with what came of it where that was no good: ``set rows: 404``."""
    if kind == "miss":
        return f"{word}: none"
    if kind == "bad":
        return f"{word}: {status or 'closed'}"
    return word


def draw(marks: Iterable[Mark], title: str, note: str = "") -> str:
    """The picture as SVG, a file of its own.

    :param marks: in any order; they are drawn by their time.
    :param note: a few words below the picture.
    """
    marks = sorted(marks, key=lambda mark: mark.at)
    lanes = list(dict.fromkeys(mark.lane for mark in marks))
    places = list(_places(marks))
    width = round(len(note) * _LETTER + 2 * _PADDING)
    if marks:
        width = max(width, round(places[-1] + _half(marks[-1]) + _PADDING))
    height = _TOP + _LANE * len(lanes) + _AXIS
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="group" '
        f"aria-label={quoteattr(title)}>",
        f"<title>{escape(title)}</title>",
        f"<style>{_style('light')}@media (prefers-color-scheme: dark) {{{_style('dark')}}}</style>",
    ]
    for number, lane in enumerate(lanes):
        parts += _lane(lane, _TOP + _LANE * number, marks, places)
    bottom = _TOP + _LANE * len(lanes)
    if marks:
        parts += _axis(marks, places, bottom + 10)
    if note:
        parts.append(f'<text x="4" y="{bottom + 27}">{escape(note)}</text>')
    return "\n".join([*parts, "</svg>"])


def _half(mark: Mark) -> float:
    """Half of the width of a mark's word."""
    return max(len(_short(mark.word)) * _LETTER / 2, 8)


def _short(word: str) -> str:
    if len(word) <= _LONGEST:
        return word
    return f"{word[: _LONGEST - 1]}…"


def _places(marks: Sequence[Mark]) -> Iterator[float]:
    """Where each mark stands: beside the one before, and right of its lane's name."""
    right = 0.0
    seen: set[str] = set()
    for mark in marks:
        if mark.lane not in seen:
            seen.add(mark.lane)
            right = max(right, len(mark.lane) * _LETTER + 4)
        place = right + _PADDING + _half(mark)
        yield place
        right = place + _half(mark)


def _lane(lane: str, top: float, marks: Sequence[Mark], places: Sequence[float]) -> Iterator[str]:
    own = [(mark, place) for mark, place in zip(marks, places, strict=True) if mark.lane == lane]
    middle = top + 27
    first = own[0][1] - _half(own[0][0]) - _PADDING
    yield (
        f'<text class="lane" x="{first + 4:.0f}" y="{middle + 4}" text-anchor="end">'
        f"{escape(lane)}</text>"
    )
    yield (
        f'<line class="line" x1="{own[0][1]:.0f}" x2="{own[-1][1]:.0f}" '
        f'y1="{middle}" y2="{middle}"/>'
    )
    for mark, place in own:
        yield _drawn(mark, place, middle)


def _drawn(mark: Mark, place: float, middle: float) -> str:
    inner = (
        f"<title>{escape(mark.text)}</title>{_SHAPES[mark.kind]}"
        f'<text y="-12" text-anchor="middle">{escape(_short(mark.word))}</text>'
    )
    group = f'<g class="{mark.kind}" transform="translate({place:.0f} {middle})">{inner}</g>'
    if mark.link is None:
        return group
    return f'<a href={quoteattr(mark.link)} target="_top">{group}</a>'


def _axis(marks: Sequence[Mark], places: Sequence[float], top: float) -> Iterator[str]:
    """The axis: how long nothing happened between two marks, where it was long."""
    yield f'<line class="axis" x1="0" x2="{places[-1]:.0f}" y1="{top}" y2="{top}"/>'
    for number in range(1, len(marks)):
        passed = marks[number].at - marks[number - 1].at
        if abs(passed) < _GAP:
            continue
        place = (places[number] + places[number - 1]) / 2
        sign = "+" if passed > 0 else "−"
        yield f'<path class="axis" d="M{place:.0f} {top - 4}v8"/>'
        text = f"{sign}{_span(passed)}"
        yield f'<text x="{place:.0f}" y="{top + 17}" text-anchor="middle">{text}</text>'


def _span(seconds: float) -> str:
    """A duration in a few letters: ``31 d``, ``1 h 30 min``."""
    words = duration(seconds)
    for word, unit in (("second", "s"), ("minute", "min"), ("hour", "h"), ("day", "d")):
        words = words.replace(f"{word}s", unit).replace(word, unit)
    return words
