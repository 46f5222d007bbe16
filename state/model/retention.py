"""How long an entry lives: a retention, ``NEVER_EXPIRE``, or ``[state_store]
default_retention_days``.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ..errors import InvalidRetention


class UnusableRetention(ValueError):
    """A retention that ends beyond the calendar."""


def default_expiry(days: int, now: datetime) -> datetime | None:
    """When an entry written now with the default retention expires.

    :param days: ``default_retention_days``; 0 means never.
    :raises InvalidRetention: if ``days`` is negative, or the moment lies beyond the year 9999.
    """
    if days < 0:
        raise InvalidRetention(days)
    try:
        if days == 0:
            return None
        return now + timedelta(days=days)
    except OverflowError:
        raise InvalidRetention(days) from None


NEVER_EXPIRE = timedelta.max
"""A retention that never ends: ``timedelta.max``, as in Airflow, but compared by value, so that a
copy works too.
"""


def expiry(retention: timedelta | None, default_days: int, now: datetime) -> datetime | None:
    """When an entry written now expires, or None for never.

    :param retention: None applies the default.
    :raises TypeError: for anything else, such as a number of days.
    :raises InvalidRetention: as :func:`default_expiry`, if the default applies.
    :raises UnusableRetention: if the moment lies beyond the year 9999.
    """
    if retention is None:
        return default_expiry(default_days, now)
    if not isinstance(retention, timedelta):
        raise TypeError(
            f"retention is a timedelta, NEVER_EXPIRE or None, got {retention!r}; "
            "did you mean timedelta(days=…)?"
        )
    if retention == NEVER_EXPIRE:
        return None
    try:
        return now + retention
    except OverflowError:
        raise UnusableRetention(
            f"retention {retention} ends beyond the year 9999; use NEVER_EXPIRE"
        ) from None


def has_expired(expires_at: datetime, now: datetime) -> bool:
    """Whether the next clean removes an entry: its expiry has passed."""
    return expires_at < now
