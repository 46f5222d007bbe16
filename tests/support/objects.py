"""Objects that a built-in backend writes, and names that are hard to keep them under."""

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
