"""The clock of a namespace, over the Control API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..model.clock import from_text, to_text
from .http import StateroomClient

PATH = "/_stateroom/clock"


class NamespaceClock:
    """The clock of a namespace, which expiry, ``clean``, ``updated_at`` and our accessors use.

    A real worker uses its own clock.

    :param client: a client of the namespace.
    """

    def __init__(self, client: StateroomClient) -> None:
        self._client = client

    def now(self) -> datetime:
        """The time of the clock, in UTC."""
        return _time(self._client.call("GET", PATH).json())

    @property
    def is_frozen(self) -> bool:
        return bool(self._client.call("GET", PATH).json()["frozen"])

    def freeze(self, at: datetime | None = None) -> datetime:
        """Freeze the clock and return its time.

        :param at: an aware datetime; None for the clock's current time.
        """
        if at is None:
            return self._change(frozen=True)
        return self._change(frozen=True, now=to_text(at))

    def unfreeze(self) -> datetime:
        """Let a frozen clock run on from its time, and return that."""
        return self._change(frozen=False)

    def set(self, moment: datetime) -> datetime:
        """Set the clock and return its time; a frozen clock stays frozen.

        :param moment: an aware datetime.
        """
        return self._change(now=to_text(moment))

    def advance(self, by: timedelta | None = None, **span: float) -> datetime:
        """Advance the clock and return its time; a negative duration sets it back.

        :param span: arguments of a timedelta, such as ``days=31``; they are added to ``by``.
        """
        duration = (by or timedelta()) + timedelta(**span)
        return self._change(advance=duration.total_seconds())

    def real(self) -> None:
        """Return the clock to real time; tokens expire by real time too."""
        self._client.call("DELETE", PATH)

    def check_tokens(self, by_this_clock: bool = True) -> None:
        """Let tokens expire by this clock, or with False by real time, the default."""
        self._change(tokens=by_this_clock)

    def _change(self, **body: Any) -> datetime:
        return _time(self._client.call("PATCH", PATH, json=body).json())

    def __repr__(self) -> str:
        clock = self._client.call("GET", PATH).json()
        if clock["frozen"]:
            return f"<clock {clock['now']}, frozen>"
        return f"<clock {clock['now']}>"


def _time(clock: dict[str, Any]) -> datetime:
    return from_text(clock["now"])
