"""Checks of values: what comes back is what was written."""

from __future__ import annotations

import json

from ..model import envelope
from .deadline import Failed
from .harness import Harness, NotApplicable
from .samples import VALUES, big, check, expect, same


@check(
    "A value is read with another type or content than it was written with.",
    "Store exactly json.dumps(value), and json.loads what you read.",
)
def round_trip(harness: Harness) -> None:
    for scope in harness.served_scopes():
        with harness.store() as namespace:
            accessor = harness.accessor(namespace, scope)
            for value in VALUES:
                for written in (value, big(value)):
                    accessor.set("key", written)
                    read = accessor.get("key", "the default")
                    expect(
                        same(read, written), f"{scope}: wrote {written!r:.80}, read {read!r:.80}"
                    )


@check(
    "The backend reads or writes the envelope, which belongs to the framework.",
    "Return the bare reference; the framework wraps and unwraps it.",
)
def no_envelope(harness: Harness) -> None:
    for scope in harness.served_scopes():
        ref = harness.reference(scope, "key", big(1))
        expect(
            envelope.MARKER not in ref,
            f"{scope}: the reference {ref!r:.120} holds the envelope's marker",
        )


@check(
    "A missing object reads as None, as if the task had stored nothing.",
    "Raise an error that names the reference when its object does not exist.",
)
def missing_object(harness: Harness) -> None:
    for scope in harness.served_scopes():
        ref = harness.reference(scope, "key", big(1))
        harness.hooks().delete(scope, "key")
        try:
            value = harness.hooks().deserialize(scope, ref)
        except Exception:  # any error is right; a value is wrong
            continue
        raise Failed(f"{scope}: after delete, the reference still gave {value!r:.80}")


@check(
    "Server-side get returns something that is not JSON, "
    "which breaks Airflow's GET route (#67418).",
    "Return exactly the text that set was given, and None for a missing key.",
)
def server_side_json(harness: Harness) -> None:
    hooks = harness.hooks()
    for scope in (harness.task, harness.asset):
        theirs = hooks.scope(scope)
        try:
            hooks.backend.set(theirs, "key", '{"a": 1}')
            text = hooks.backend.get(theirs, "key")
            missing = hooks.backend.get(theirs, "missing")
        except NotImplementedError:
            raise NotApplicable("it works on workers only") from None
        expect(isinstance(text, str), f"{scope}: get returned {text!r:.80}, which is not a string")
        try:
            expect(same(json.loads(text), {"a": 1}), f"{scope}: get returned {text!r:.80}")
        except ValueError:
            raise Failed(f"{scope}: get returned {text!r:.80}, which is not JSON") from None
        expect(missing is None, f"{scope}: get of a missing key returned {missing!r:.80}")
