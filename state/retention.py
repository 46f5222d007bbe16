"""How long an entry lives: ``[state_store] default_retention_days``."""

from __future__ import annotations

from datetime import datetime, timedelta

from .errors import InvalidRetention


def default_expiry(days: int, now: datetime) -> datetime | None:
    """When an entry written now with the default retention expires.

    :param days: ``default_retention_days``; 0 means never.
    :raises InvalidRetention: if ``days`` is negative, or the moment lies beyond the year 9999.
    """
    if days < 0:
        raise InvalidRetention(days)
    try:
        return now + timedelta(days=days) if days else None
    except OverflowError:
        raise InvalidRetention(days) from None
