"""Attempts as lanes, time downward."""

import pytest

from state.client.lanes import Lanes
from state.errors import NotFound


def lanes(stateroom):
    events = stateroom.journal.events()
    drawn = Lanes(events)
    return [drawn.of(event) for event in events]


def test_one_attempt_has_no_lanes(stateroom):
    stateroom.task("etl", "submit").set("n", 1)
    assert lanes(stateroom) == [None, None]


def test_a_line_joins_the_events_of_an_attempt(stateroom):
    first = stateroom.task("etl", "submit")
    first.set("n", 1)
    second = first.retry()
    second.get("n")
    stateroom.asset("orders")
    with pytest.raises(NotFound):
        first.set("n", 2)
    second.get("n")
    assert [text and text.rstrip() for text in lanes(stateroom)] == [
        "1",
        "1",
        "│ 2",
        "│ 2",
        None,
        "1 │",
        "  2",
    ]


def test_ten_attempts_stand_beside_each_other(stateroom):
    task = stateroom.task("etl", "submit")
    for _ in range(9):
        task = task.retry()
        task.get("n", None)
    assert lanes(stateroom)[-1] == " " * 27 + "10"


def test_map_indices_have_lanes_of_their_own(stateroom):
    for index in (0, 1):
        stateroom.task("etl", "load", map_index=index).retry().get("n", None)
    assert [text and text.rstrip() for text in lanes(stateroom)] == ["1", "  2", "  2"] * 2
