"""How much a call may read in a thread that others need.

The server answers a short call in the thread that reads all sockets. That a call is not short shows
only when its value is read: it is given up then, before it has had an effect, and begun again in a
thread of its lane.
"""

from __future__ import annotations

from contextvars import ContextVar

# bytes of values that a call may read in this context; None for any number
BUDGET: ContextVar[int | None] = ContextVar("budget", default=None)


class OverBudget(BaseException):
    """A call reads more than it may here; no handler of errors takes it for an answer."""


def spend(size: int) -> None:
    """Count what a call has read so far; called before it has an effect.

    :param size: bytes.
    :raises OverBudget: if that is more than it may read here.
    """
    budget = BUDGET.get()
    if budget is not None and size > budget:
        raise OverBudget
