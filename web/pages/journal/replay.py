"""What happened to a task instance or an asset as a test: a file that pytest runs with our plugin.

The fixture has the keys that there were before; the test makes the calls of the journal again, and
expects the answers that they got then.
"""

from __future__ import annotations

import pprint
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flask import g

from state.masking import masked
from state.model import values
from state.model.clock import from_text
from state.model.events import CALLS, CLOSED, KEY_NOT_FOUND
from state.model.scopes import AssetScope, StoreScope, label, scope_document
from state.store.views import details, events, history

Document = dict[str, Any]
_MOST = 300  # events in one test
_LONGEST = 4000  # characters of a value
_WIDTH = 90
_ATTEMPT_ID = "01920000-0000-7000-8000-000000000001"
_DEFAULT_RETENTION = timedelta(days=30)
_REPORTED = ("success", "failed", "skipped", "up_for_retry")
_NAMESPACE = ("clean", "fixture", "remove", "restore", "reset")  # whose effects are of many keys


def as_test(scope: StoreScope, until: int) -> str:
    """A test of what happened to a scope, up to an event."""
    return _Replay(scope, until).text()


class _Replay:
    def __init__(self, scope: StoreScope, until: int) -> None:
        self._scope = scope
        every = g.namespace.journal.events(scope=scope)
        causes = {until, *(event["parent"] for event in every if event["seq"] == until)} - {None}
        until = max([until, *(event["seq"] for event in every if event["parent"] in causes)])
        self._events = [event for event in every if event["seq"] <= until][-_MOST:]
        first = 0
        if len(every) > _MOST:
            first = self._events[0]["seq"]
        moves = g.namespace.journal.events(after=first, op="clock")
        self._moves = [event for event in moves if event["seq"] <= until]
        self._state = self._before(first - 1)
        self._given = dict(self._state)
        self._children: dict[int, list[Document]] = {}
        for event in self._events:
            if event["parent"] is not None:
                self._children.setdefault(event["parent"], []).append(event)
        self._causes = {seq: events.event(g.namespace, seq) for seq in self._children}
        self._attempts: dict[int, str] = {}
        self._written = {event["seq"]: event for event in self._events if "value" in event}

    # ------------------------------------------------------------ the file

    def text(self) -> str:
        lines = [line for event in self._in_order() for line in self._of(event)]
        if not isinstance(self._scope, AssetScope) and not self._attempts:
            lines.append(self._begin(1))
        expected = _literal(self._state)
        lines.append(f"assert stateroom.state.get(LABEL, {{}}) == {expected}")
        body = "\n".join(f"    {line}" for text in lines for line in text.split("\n"))
        name = re.sub(r"\W+", "_", self._name).strip("_") or "it"
        title = f"What happened to {_comment(label(self._scope))}, as Stateroom's journal has it."
        head = f'"""{title}"""\n'
        fixture = f'''
LABEL = {label(self._scope)!r}
STATE = {_literal(self._document())}


@pytest.fixture
def begun(stateroom, tmp_path):
    """The state before."""
    path = tmp_path / "state.json"
    path.write_text(json.dumps(STATE))
    stateroom.import_(path)
    return stateroom


def test_what_happened_to_{name}(begun):
    stateroom = begun
{body}
'''
        return f"{head}\n{_imports(fixture)}\n{fixture}"

    @property
    def _name(self) -> str:
        if isinstance(self._scope, AssetScope):
            return str(self._scope.name)
        return self._scope.task_id

    def _document(self) -> Document:
        """The fixture document: the keys, and the config that effects in the journal show."""
        scope = scope_document(self._scope)
        rows = [{**scope, "key": key, "value": value} for key, value in self._given.items()]
        document: Document = {}
        if isinstance(self._scope, AssetScope):
            asset = details.asset_named(g.namespace, str(self._scope.name))
            members = {"id": asset["asset_id"], "name": asset["asset"], "uri": asset["uri"]}
            document["assets"] = [members]
            document["asset_state_store"] = rows
        else:
            run = {name: scope[name] for name in ("dag_id", "run_id")}
            document["dag_runs"] = [run]
            if rows:
                attempt = {"id": _ATTEMPT_ID, **scope, "state": "running"}
                document["task_instances"] = [attempt]
            document["task_state_store"] = rows
        cleared = [event for event in self._events if event["op"] == "state"]
        if any(event["seq"] in self._children for event in cleared):
            document["config"] = {"clear_on_success": True}
        return document

    def _before(self, seq: int) -> dict[str, Any]:
        """The keys that the scope had after an event; none before the first."""
        if seq <= 0:
            return {}
        place = events.Filter(**scope_document(self._scope))
        state = {}
        for row in events.keys_at(g.namespace, place, seq, _MOST):
            change = history.event(g.namespace, row["scope_id"], row["key"], row["seq"])
            if change is not None and change["text"] is not None:
                text = change["text"]
                state[row["key"]] = _shortened(values.loads(masked(text)), row["seq"])
        return state

    # ------------------------------------------------------------ the calls

    def _in_order(self) -> list[Document]:
        return sorted([*self._events, *self._moves], key=lambda event: int(event["seq"]))

    def _of(self, event: Document) -> Iterator[str]:
        """The lines that do again what an event tells of."""
        op = event["op"]
        if op == "clock":
            yield from self._move(event)
        elif event["parent"] is not None:
            yield from self._effect(event)
        elif isinstance(self._scope, AssetScope) or op in CALLS:
            if op in CALLS and op != "list":
                yield from self._call(event)
        elif op in ("create", "state"):
            yield from self._life(event)

    def _move(self, event: Document) -> Iterator[str]:
        following = g.namespace.journal.events(after=event["seq"], limit=1)
        jump = 0.0
        if following:
            jump = _ahead(following[0]) - _ahead(event)
        if abs(jump) >= 1:
            yield f"stateroom.clock.advance(seconds={round(jump, 3)})"

    def _effect(self, event: Document) -> Iterator[str]:
        """Effects of the task's own calls come by themselves; those of others are written."""
        if event["op"] not in ("set", "delete"):
            return
        cause = self._causes[event["parent"]]
        if cause is not None and cause["op"] not in _NAMESPACE:
            self._remember(event)
        elif cause is not None and cause["op"] == "clean":
            if self._children[event["parent"]][0] is event:
                yield "stateroom.clean()"
            self._remember(event)
        elif event["op"] == "set" and not self._attempts:
            self._given[event["key"]] = self._value(event)  # a fixture loaded it
            self._remember(event)
        else:
            yield from self._api(event)

    def _life(self, event: Document) -> Iterator[str]:
        number = event["actor"]["try_number"]
        if event["op"] == "create":
            if number is not None and number not in self._attempts:
                yield self._begin(number)
            return
        if event["state"] in _REPORTED and number is not None and (event["status"] or 200) < 400:
            yield from self._begun(number)
            more = ", retry_delay_seconds=300.0" if event["state"] == "up_for_retry" else ""
            yield f"{self._attempts[number]}.report({event['state']!r}{more})"

    def _call(self, event: Document) -> Iterator[str]:
        yield f"# event {event['seq']}, {event['at'][:23].replace('T', ' ')}"
        number = event["actor"]["try_number"]
        is_asset = isinstance(self._scope, AssetScope)
        if number is None or is_asset:
            yield from self._api(event)
            return
        yield from self._begun(number)
        call = self._text_of_call(self._attempts[number], event)
        fault = self._fault(event)
        if fault is not None:
            yield fault
        is_superseded = event["status"] == 404 and event["outcome"] != KEY_NOT_FOUND
        if fault is not None or is_superseded:
            yield f"with pytest.raises(StateError):\n    {call}"
        elif _is_refused(event):
            yield _refusal(event)
            return
        else:
            yield self._expected(call, event)
        self._remember(event)

    def _begun(self, number: int) -> Iterator[str]:
        if number not in self._attempts:
            yield self._begin(number)

    def _begin(self, number: int) -> str:
        """The line that begins an attempt."""
        name = f"attempt_{number}"
        if not self._attempts:
            members = scope_document(self._scope)
            order = ("dag_id", "task_id", "run_id", "map_index")
            arguments = ", ".join(repr(members[each]) for each in order)
            line = f"{name} = stateroom.task({arguments})"
        else:
            line = f"{name} = {list(self._attempts.values())[-1]}.retry()"
        self._attempts[number] = name
        return line

    def _text_of_call(self, subject: str, event: Document) -> str:
        arguments = []
        if event["key"] is not None:
            arguments.append(repr(event["key"]))
        if event["op"] == "set":
            arguments.append(_literal(self._value(event)))
            if event["kind"] not in (None, "value"):
                client = f"StateroomClient(stateroom.url).task({subject}.ti_id)"
                return f"{client}.set({', '.join(arguments)})"
            if not isinstance(self._scope, AssetScope):
                arguments += _retention(event)
        return f"{subject}.{event['op']}({', '.join(arguments)})"

    def _value(self, event: Document) -> Any:
        """The value of a write; of a refused one, which the journal does not have, a stand-in."""
        if "value" not in event:
            return "refused"
        return _shortened(event["value"], event["seq"])

    def _expected(self, call: str, event: Document) -> str:
        if event["op"] != "get":
            return call
        if event["outcome"] == KEY_NOT_FOUND:
            return f"assert {call} is None"
        write = self._written.get(event["saw"] or 0)
        if write is not None:
            return f"assert {call} == {_literal(self._value(write))}"
        if event["key"] in self._state:
            return f"assert {call} == {_literal(self._state[event['key']])}"
        return f"# {call}: the write that it read is not in the journal any more"

    def _fault(self, event: Document) -> str | None:
        """The line that adds the fault which the call met; None if it met none that matters."""
        for child in self._children.get(event["seq"], []):
            match = f"{event['op']!r}, key={event['key']!r}, times=1"
            took_effect = event["outcome"] is None and (event["status"] or 500) < 400
            if child["op"] == "fault" and child["outcome"] == CLOSED:
                when = "after" if took_effect else "before"
                return f"stateroom.faults.add({match}, close={when!r})"
            if child["op"] == "fault" and (child["status"] or 0) >= 400:
                after = ", after=True" if took_effect else ""
                return f"stateroom.faults.add({match}, status={child['status']}{after})"
        return None

    def _api(self, event: Document) -> Iterator[str]:
        """What somebody else than an attempt did, through the accessor or a keyspace of an API."""
        if _is_refused(event):
            yield _refusal(event)
            return
        if isinstance(self._scope, AssetScope):
            call = self._text_of_call(f"stateroom.asset({self._scope.name!r})", event)
            yield self._expected(call, event)
        elif event["op"] != "get":  # what people read changes nothing
            arguments = [repr(event["key"])] if event["key"] is not None else []
            if event["op"] == "set":
                arguments.append(_literal(self._value(event)))
            scope = f"TaskScope(**{scope_document(self._scope)!r})"
            client = f"StateroomClient(stateroom.url).task_by_scope({scope})"
            if not self._attempts:
                yield self._begin(1)
            yield f"{client}.{event['op']}({', '.join(arguments)})"
        self._remember(event)

    def _remember(self, event: Document) -> None:
        """Keep what the scope holds after an event."""
        if (event["status"] or 200) >= 400 or event["outcome"] is not None:
            return
        if event["op"] == "set":
            self._state[event["key"]] = self._value(event)
        elif event["op"] == "delete":
            self._state.pop(event["key"], None)


def _is_refused(event: Document) -> bool:
    return (event["status"] or 200) >= 400 and event["outcome"] != KEY_NOT_FOUND


def _refusal(event: Document) -> str:
    return f"# was refused: {event['status']} {_comment(event['note'] or '')}"


def _ahead(event: Document) -> float:
    """The seconds by which the namespace's clock was ahead of real time."""
    return from_text(event["at"]).timestamp() - float(event["real_at"])


def _retention(event: Document) -> list[str]:
    if "value" not in event:
        return []
    if event["expires_at"] is None:
        return ["retention=NEVER_EXPIRE"]
    retention = from_text(event["expires_at"]) - from_text(event["at"])
    if abs(retention - _DEFAULT_RETENTION) < timedelta(seconds=2):
        return []
    return [f"retention=timedelta(seconds={round(retention.total_seconds(), 3)})"]


def _shortened(value: Any, seq: int) -> Any:
    """A value; for a very long one a stand-in, the same wherever it is written and read."""
    if len(values.dumps(value)) <= _LONGEST:
        return value
    return f"a long value, which event {seq} wrote"


def _literal(value: Any) -> str:
    return pprint.pformat(value, width=_WIDTH, sort_dicts=False)


def _comment(text: str) -> str:
    """A text that stays in its line, whatever is in it."""
    return ascii(masked(text))[1:-1].replace('"', "'").replace("\\", "/")


_NEEDED = {
    "timedelta": "from datetime import timedelta",
    "StateError": "from state.errors import StateError",
    "StateroomClient": "from state.client.http import StateroomClient",
    "NEVER_EXPIRE": "from state import NEVER_EXPIRE",
    "TaskScope": "from state import TaskScope",
}


def _imports(code: str) -> str:
    lines = [line for name, line in _NEEDED.items() if re.search(rf"\b{name}\b", code)]
    standard = ["import json", *(line for line in lines if "datetime" in line)]
    ours = sorted(line for line in lines if "datetime" not in line)
    return "\n".join([*standard, "", "import pytest", *([""] if ours else []), *ours])
