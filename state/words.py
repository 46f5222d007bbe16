"""Numbers of things, and durations, in words."""

from __future__ import annotations

from collections.abc import Iterable

_NAMES = (("year", 31_557_600), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
_FEW = 3  # of a unit; below that, the next smaller unit is named too


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 key``, ``2 keys``, ``1,200 keys``.

    :param plural: of the noun; by default it ends in ``s``.
    """
    if number != 1:
        noun = plural or f"{noun}s"
    return f"{number:,} {noun}"


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """A sentence about an unknown name, with the most similar one that is known, and all of these.

    :param what: what it should be the name of, such as ``operation``.
    """
    names = list(known)
    hint = did_you_mean(name, names, most=1)
    if hint:
        hint += " "
    return f"unknown {what} {name!r}; {hint}expected one of {', '.join(names)}"


def did_you_mean(name: str, known: Iterable[str], most: int = 3) -> str:
    """``did you mean 'job_id' or 'job_ids'?``; an empty string if no known name is alike.

    :param most: number of names.
    """
    import difflib  # most runs of a command need none of it

    similar = difflib.get_close_matches(str(name), list(known), most)
    if not similar:
        return ""
    return f"did you mean {' or '.join(map(repr, similar))}?"


def near(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: those that are alike, or the first ones."""
    names = sorted(known)
    if question := did_you_mean(name, names):
        return f"; {question}"
    if not names:
        return "; there are none"
    listed = ", ".join(map(repr, names[:3]))
    if len(names) > 3:
        listed += f" and {len(names) - 3} more"
    return f"; there is {listed}"


def duration(seconds: float) -> str:
    """A duration in words, rounded and without its sign: "29 days", "1 hour 30 minutes", "less than
    a second".
    """
    left = abs(seconds)
    if left < 1:
        return "less than a second"
    index = next(index for index, (_, size) in enumerate(_NAMES) if left >= size)
    name, size = _NAMES[index]
    if left / size >= _FEW or size == 1:
        number = round(left / size)
        larger, larger_size = _NAMES[max(index - 1, 0)]
        if index and number * size >= larger_size:  # 59.6 seconds
            return count(1, larger)
        return count(number, name)
    smaller, step = _NAMES[index + 1]
    whole, rest = divmod(round(left / step), size // step)
    text = count(whole, name)
    if rest:
        text += f" {count(rest, smaller)}"
    return text
