"""Numbers, choices and times as options."""

from __future__ import annotations

import math
from typing import Any

import click

from ...model.clock import from_person
from ...words import did_you_mean

DAY = 86_400  # seconds


class Number(click.FloatRange):
    """A number in a range; NaN, which click finds in every range, is in none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a valid number.", param, ctx)
        return number


class Choice(click.Choice[str]):
    """One of several words; a misspelt one is answered with those that are alike."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        message = super().get_invalid_choice_message(value, ctx)
        question = did_you_mean(str(value), self.choices)
        if not question:
            return message
        return f"{value!r} is none; {question}"


class Moment(click.types.StringParamType):
    """A time in ISO 8601, which the service reads; without an offset it is in UTC.

    :param or_event: whether it may be the number of an event instead.
    """

    name = "moment"

    def __init__(self, or_event: bool = False) -> None:
        self._or_event = or_event

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if self._or_event and text.isdecimal():
            return text
        try:
            from_person(text)
        except ValueError:
            self.fail(f"invalid time {text!r}; write 2030-01-01T00:00:00Z", param, ctx)
        return text
