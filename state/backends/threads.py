"""Run blocking calls in threads.

asyncio is imported on first use: importing it takes a twentieth of the start of a service.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def to_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a thread of its own."""
    import asyncio

    return await asyncio.to_thread(function, *args, **kwargs)
