"""The clock of a namespace, from outside."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..model.clock import to_text
from .http import StateroomClient

PATH = "/_stateroom/clock"


class NamespaceClock:
    """The clock that expiry, ``clean``, ``updated_at`` and our accessors go by; a real worker has
    its own.

    :param client: of the namespace.
    """

    def __init__(self, client: StateroomClient) -> None:
        self._client = client

    def now(self) -> datetime:
        return self._moment(self._client.call("GET", PATH).json())

    @property
    def is_frozen(self) -> bool:
        return bool(self._client.call("GET", PATH).json()["frozen"])

    def freeze(self, at: datetime | None = None) -> datetime:
        """Let it stand still, now or at an aware moment; what it shows then."""
        return self._change(frozen=True, **({"now": to_text(at)} if at else {}))

    def unfreeze(self) -> datetime:
        """Let it go on from the moment that it shows."""
        return self._change(frozen=False)

    def set(self, moment: datetime) -> datetime:
        """Let it show an aware moment, and stand still or go on as before."""
        return self._change(now=to_text(moment))

    def advance(self, by: timedelta | None = None, **span: float) -> datetime:
        """Move it; what it shows then.

        :param span: ``days=31``, ``hours=…`` and what else a timedelta takes.
        """
        return self._change(advance=((by or timedelta()) + timedelta(**span)).total_seconds())

    def real(self) -> None:
        """Let it show real time again."""
        self._client.call("DELETE", PATH)

    def check_tokens(self, by_this_clock: bool = True) -> None:
        """Whether tokens expire by this clock too, instead of by real time."""
        self._change(tokens=by_this_clock)

    def _change(self, **asked: Any) -> datetime:
        return self._moment(self._client.call("PATCH", PATH, json=asked).json())

    def _moment(self, shown: dict[str, Any]) -> datetime:
        return datetime.fromisoformat(shown["now"].replace("Z", "+00:00"))

    def __repr__(self) -> str:
        shown = self._client.call("GET", PATH).json()
        return f"<clock {shown['now']}{', frozen' if shown['frozen'] else ''}>"
