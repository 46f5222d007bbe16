"""Numbers as options."""

from __future__ import annotations

import math
from typing import Any

import click

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
