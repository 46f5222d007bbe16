"""Events as a picture: attempts as lanes, time from left to right, a mark with a word for each.

A mark has a column of its own, so that words never overlap; where nothing happened for long, the
axis says how long, and what time it was then. What a wide picture scrolls away is repeated: the
names of lanes, the time. The colours follow the reader's preference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from .model.events import CLOSED, KEY_NOT_FOUND, VERBS
from .words import duration

_LETTER = 6.4  # pixels of a letter of 11 px
_PADDING = 14  # between two words
_LANE = 44  # height of a lane
_TOP = 10
_AXIS = 58  # height of the axis
_NOTE = 18  # height of the note
_LONGEST = 22  # letters of a word
_GAP = 1.0  # seconds without an event that the axis tells
_WHEN = 96  # width of a time or a day of the axis
_EVERY = 280  # pixels after which the name of a lane and the time are repeated
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
.again, .gap, .day {{ fill: {read}; }}
a .when {{ fill: {write}; text-decoration: underline; }}
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
    :param then: where its time on the axis leads; None for nowhere.
    """

    at: float
    lane: str
    kind: str
    word: str
    text: str
    link: str | None = None
    then: str | None = None


class _Place(NamedTuple):
    """Where a mark stands.

    :param gap: seconds since the mark before; None for the first.
    :param is_timed: whether the axis says its time.
    """

    x: float
    gap: float | None
    is_timed: bool

    @property
    def follows_gap(self) -> bool:
        return self.gap is not None and abs(self.gap) >= _GAP


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
    bottom = _TOP + _LANE * len(lanes)
    height = bottom
    width = 0.0
    if note:
        height += _NOTE
        width = len(note) * _LETTER + 2 * _PADDING
    if marks:
        height += _AXIS
        width = max(width, places[-1].x + max(_half(marks[-1]), _WHEN / 2) + _PADDING)
    size = f'width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="group" '
        f"aria-label={quoteattr(title)}>",
        f"<title>{escape(title)}</title>",
        f"<style>{_style('light')}@media (prefers-color-scheme: dark) {{{_style('dark')}}}</style>",
    ]
    for number, lane in enumerate(lanes):
        parts += _lane(lane, _TOP + _LANE * number, marks, places)
    if marks:
        parts += _axis(marks, places, bottom + 10)
    if note:
        parts.append(f'<text x="4" y="{height - 6}">{escape(note)}</text>')
    return "\n".join([*parts, "</svg>"])


def _half(mark: Mark) -> float:
    """Half of the width of a mark's word."""
    return max(len(_short(mark.word)) * _LETTER / 2, 8)


def _short(word: str) -> str:
    if len(word) <= _LONGEST:
        return word
    return f"{word[: _LONGEST - 1]}…"


def _places(marks: Sequence[Mark]) -> Iterator[_Place]:
    """Where each mark stands: beside the one before, and right of its lane's name."""
    right = 0.0
    last = -_WHEN / 2  # where the last time of the axis stands
    before: Mark | None = None
    seen: set[str] = set()
    for mark in marks:
        if mark.lane not in seen:
            seen.add(mark.lane)
            right = max(right, len(mark.lane) * _LETTER + 4)
        x = right + _PADDING + _half(mark)
        gap = None
        if before is not None:
            gap = mark.at - before.at
        place = _Place(x, gap, gap is None or x - last >= _EVERY)
        if place.is_timed or place.follows_gap:
            last = max(x, last + _WHEN)
            place = _Place(last, gap, True)
        yield place
        right = place.x + _half(mark)
        before = mark


def _lane(lane: str, top: float, marks: Sequence[Mark], places: Sequence[_Place]) -> Iterator[str]:
    own = [(mark, place.x) for mark, place in zip(marks, places, strict=True) if mark.lane == lane]
    middle = top + 27
    begin = own[0][1]
    end = own[-1][1]
    name = escape(lane)
    yield (
        f'<text class="lane" x="{begin - _half(own[0][0]) - _PADDING + 4:.0f}" y="{middle + 4}" '
        f'text-anchor="end">{name}</text>'
    )
    for again in range(_EVERY, round(end - len(lane) * _LETTER), _EVERY):
        if again > begin + _EVERY / 2:
            yield f'<text class="again" x="{again}" y="{middle + 17}">{name}</text>'
    yield f'<line class="line" x1="{begin:.0f}" x2="{end:.0f}" y1="{middle}" y2="{middle}"/>'
    for mark, x in own:
        yield _drawn(mark, x, middle)


def _drawn(mark: Mark, place: float, middle: float) -> str:
    inner = (
        f"<title>{escape(mark.text)}</title>{_SHAPES[mark.kind]}"
        f'<text y="-12" text-anchor="middle">{escape(_short(mark.word))}</text>'
    )
    group = f'<g class="{mark.kind}" transform="translate({place:.0f} {middle})">{inner}</g>'
    if mark.link is None:
        return group
    return f'<a href={quoteattr(mark.link)} target="_top">{group}</a>'


def _axis(marks: Sequence[Mark], places: Sequence[_Place], top: float) -> Iterator[str]:
    """The axis: how long nothing happened where it was long, and the time and the day after it."""
    yield f'<line class="axis" x1="0" x2="{places[-1].x:.0f}" y1="{top}" y2="{top}"/>'
    last_day = None
    for number, place in enumerate(places):
        if place.follows_gap and place.gap is not None:
            x = (place.x + places[number - 1].x) / 2
            sign = "+" if place.gap > 0 else "−"
            yield _label("gap", x, top + 17, f"{sign}{_span(place.gap)}")
        if not place.is_timed:
            continue
        mark = marks[number]
        day, time = _moment(mark.at)
        yield f'<path class="axis" d="M{place.x:.0f} {top - 4}v8"/>'
        when = _label("when", place.x, top + 31, time)
        if mark.then is not None:
            when = f'<a href={quoteattr(mark.then)} target="_top">{when}</a>'
        yield when
        if day != last_day:
            yield _label("day", place.x, top + 44, f"{day} UTC")
        last_day = day


def _label(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y}" text-anchor="middle">{text}</text>'


def _moment(seconds: float) -> list[str]:
    """The day and the time, to the millisecond, in UTC."""
    moment = datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
    return moment.isoformat(" ", "milliseconds").split(" ")


def _span(seconds: float) -> str:
    """A duration in a few letters: ``31 d``, ``1 h 30 min``."""
    words = duration(seconds)
    for word, unit in (("second", "s"), ("minute", "min"), ("hour", "h"), ("day", "d")):
        words = words.replace(f"{word}s", unit).replace(word, unit)
    return words
