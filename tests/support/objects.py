"""Objects that a built-in backend writes, and names that are hard to keep them under."""

import re

from state.model.scopes import TaskScope
from state.model.values import Encoded

TASK = TaskScope("dag", "run", "task")
TRICKY = [
    "",
    ".",
    "..",
    "/",
    "a/b",
    "a\x00b",
    "../../etc",
    "é" * 512,
    "k" * 512,
    "a ",
    " a",
    "a.",
    ".a",
    "a~b",
    "~",
    "%2F",
    "*",
    "[a]",
    "\\",
    "\ud800",
    "con:",
    "\n",
    "A",
    "-" * 101,
]


def put(backend, value=1, key="key", scope=TASK):
    return backend.write(scope, key, Encoded.of(value))


def put_as_before(backend, value=1, key="key", scope=TASK):
    """Write an object as earlier versions did, whose name has no random part."""
    encoded = Encoded.of(value)
    unique = backend.write(scope, key, encoded)
    ref = re.sub("(/[0-9a-f]{64})-[0-9a-f]{16}", r"\1", unique)
    backend.remove_ref(unique)
    assert ref != unique
    return backend.write_again(scope, key, encoded, ref)
