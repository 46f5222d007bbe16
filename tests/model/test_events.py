"""What events mean, wherever they are read."""

import pytest

from state.model.events import CALLS, KEY_NOT_FOUND, OPS, Lost, Step, actor_name, lost_updates


@pytest.mark.parametrize(
    ("actor", "name"),
    [
        (("task", "execution", 2), "attempt 2"),
        (("task", "execution", None), "a task"),
        (("watcher", "execution"), "a watcher"),
        (("api", "execution"), "the Execution API"),
        (("api", "core"), "the Core API"),
        (("api", "page"), "the web pages"),
        (("gateway", "gateway"), "the gateway"),
        (("stateroom", "control"), "the Control API"),
        (("api",), "the API"),
    ],
)
def test_an_actor_is_named_by_its_kind_and_api(actor, name):
    assert actor_name(*actor) == name


def steps(story):
    """``"get1 set2"``: attempts 1 and 2 do one thing after the other; ``get1!`` is refused,
    ``set0`` is Stateroom's.
    """
    last = None
    for seq, word in enumerate(story.split(), 1):
        refused = word.endswith("!")
        who = word.rstrip("!")[-1]
        op = word.rstrip("!")[:-1]
        step = Step(seq, "key", op, who, "task", status=200, outcome=None, saw=None)
        if who == "0":
            step = step._replace(ti_id=None, actor_kind="stateroom")
        if refused:
            step = step._replace(status=503)
        elif op == "get" and last is None:
            step = step._replace(status=404, outcome=KEY_NOT_FOUND)
        elif op == "get":
            step = step._replace(saw=last)
        yield step
        if op == "set" and not refused:
            last = seq
        elif op != "get" and not refused:
            last = None


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("get1 get2 set1 set2", [Lost(2, 3, 4)]),
        ("get1 set1 get2 set2", []),
        ("get1 set1 set2 set1", [Lost(1, 3, 4)]),
        ("get1 delete2 set1", [Lost(1, 2, 3)]),
        ("get1 set0 set1", []),
        ("set1 set2", []),
        ("get1! set2 set1", []),
        ("get1 set2 get1! set1", [Lost(1, 2, 4)]),
        ("get1 set2! set1", []),
    ],
)
def test_a_write_over_an_unseen_change_is_a_lost_update(story, expected):
    assert lost_updates(steps(story)) == expected


def test_every_call_is_one_of_the_operations():
    assert set(CALLS) < set(OPS)
    assert len(set(OPS)) == len(OPS)
