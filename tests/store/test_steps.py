"""The steps of a key: the SQL agrees with the rules of a step, and a few suffice for a page."""

import itertools
import random

import pytest

from state.model.events import CLOSED, KEY_NOT_FOUND, UNCHANGED, Step, lost_updates
from state.model.scopes import CONTROL, AssetStateStoreWriterKind, TaskScope, Writer
from state.store.journal.journal import Event
from state.store.journal.steps import ALL, CHANGED, LOOKED, latest_steps
from state.store.tables import task_instances

SCOPE = TaskScope("etl", "r", "extract")
OUTCOMES = (None, CLOSED, KEY_NOT_FOUND, UNCHANGED)


@pytest.fixture
def namespace(store):
    namespace = store.namespace()
    task_instances.create_task_instance(namespace, SCOPE)
    return namespace


def writer(ti_id):
    if ti_id is None:
        return CONTROL
    return Writer(AssetStateStoreWriterKind.TASK, ti_id, "execution")


def fill(namespace, rows):
    """Write events of one key: op, attempt, status, outcome, saw."""
    with namespace.database.transaction() as db:
        (scope_id,) = db.execute("SELECT scope_id FROM scopes").fetchone()
        for op, ti_id, status, outcome, saw in rows:
            event = Event(op, writer(ti_id), scope_id, "k", status, saw=saw, outcome=outcome)
            namespace.journal.write(db, event)
    return scope_id


def every_step(db):
    sql = """SELECT seq, op, ti_id, actor, api, status, outcome, saw FROM journal
        WHERE key = 'k' ORDER BY seq"""
    return [Step.of_row(row) for row in db.execute(sql)]


@pytest.mark.parametrize(("condition", "attribute"), [(CHANGED, "changed"), (LOOKED, "has_looked")])
def test_the_sql_selects_what_the_rule_says(namespace, condition, attribute):
    rows = [
        (op, ti_id, status, outcome, None)
        for op in ("get", "set", "delete", "clear", "list", "state")
        for ti_id in ("1", None)
        for status in (None, 200, 204, 404, 503)
        for outcome in OUTCOMES
    ]
    fill(namespace, rows)
    with namespace.database.reading() as db:
        steps = every_step(db)
        selected = db.execute(f"SELECT seq FROM journal j WHERE j.key = 'k' AND {condition}")
        numbers = {row[0] for row in selected}
    assert len(steps) == len(rows)
    assert numbers == {step.seq for step in steps if getattr(step, attribute)}


@pytest.mark.parametrize("seed", range(40))
def test_the_latest_steps_tell_the_same_lost_updates(namespace, seed):
    draw = random.Random(seed)
    ti_ids = ["1", "2", "3", None]
    first = namespace.journal.bounds()[1] + 1
    rows = []
    for number in range(60):
        op = draw.choice(["get", "get", "set", "delete", "list"])
        status, outcome = draw.choice([(200, None), (200, None), (404, KEY_NOT_FOUND), (503, None)])
        saw = draw.choice([None, first + draw.randrange(number + 1)])
        rows.append((op, draw.choice(ti_ids), status, outcome, saw))
    scope_id = fill(namespace, rows)
    with namespace.database.reading() as db:
        every = every_step(db)
        changes = [step.seq for step in every if step.changed]
        for limit, until in itertools.product((1, 2, 5, ALL), (changes[len(changes) // 2], ALL)):
            steps = latest_steps(db, scope_id, "k", limit, until)
            shown = [seq for seq in changes if seq <= until][-limit:]
            expected = [update for update in lost_updates(every) if update.write in shown]
            assert [update for update in lost_updates(steps) if update.write in shown] == expected
