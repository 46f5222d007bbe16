"""Checks against a version of Airflow: what it does with an answer, and what it does not have."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..backends.base import EncodedBackend
from ..backends.hooks import Hooks, is_base, overrides
from ..model import envelope, values
from ..model.scopes import StoreScope
from . import uses
from .deadline import Failed
from .harness import Harness, NotApplicable
from .runner import Check, Result
from .samples import CHECKS, VALUES, big, check, expect, same
from .versions import Version

_SERIALIZE = ("serialize_task_state_store_to_ref", "serialize_asset_state_store_to_ref")
_SMALL: list[Any] = [{"n": 1}, *VALUES]


@check(
    "A value that stays in its row is stored as a broken envelope, or looks like a reference.",
    "Return super().serialize_…(value=value, key=key, scope=scope) for it, which is right in every "
    "version, and read what is no reference of yours with super().deserialize_…(stored).",
)
def inline_is_none(harness: Harness) -> None:
    hooks = harness.hooks()  # before the defaults change, by which it knows its own hooks
    cls = type(hooks.backend)
    if not any(overrides(cls, name) for name in _SERIALIZE):
        raise NotApplicable("its hooks have the proposal's names, which no Airflow calls")
    for scope in harness.served_scopes():
        for value in (*_SMALL, big(1)):
            with _defaults_of(harness.version, cls):
                returned = hooks.returned(scope, "key", value, "ti-1")
            _expect_read_back(hooks, harness.version, scope, value, returned)


def _expect_read_back(
    hooks: Hooks, version: Version, scope: StoreScope, value: Any, returned: Any
) -> None:
    """Expect that a value is read back if it stays in its row.

    :param returned: what the hook has returned for it.
    """
    seen = f"{scope}: for {value!r:.80} the hook returned {returned!r:.80}"
    text = values.dumps(value)
    if returned is None and not version.none_is_inline:
        stored = values.dumps({envelope.MARKER: None})
        reason = f"{version} stores {stored} for that, and the task reads this back"
        if isinstance(hooks.backend, EncodedBackend):
            reason += "; there write() has to write every value: leave a threshold out"
        raise Failed(f"{seen}; {reason}")
    if returned != text:
        return
    expect(
        not version.none_is_inline,
        f"{seen}, which {version} stores as a reference; there super().serialize_…(…) "
        "returns None, which keeps a value in its row",
    )
    read = hooks.deserialize(scope, text)
    expect(same(read, value), f"{seen}, and deserialize made {read!r:.80} of that")


@contextmanager
def _defaults_of(version: Version, cls: type) -> Iterator[None]:
    """Let ``super().serialize_…()`` return in a block what it returns in a version."""

    def default(self: Any, *, value: Any, key: str, scope: Any) -> str | None:
        return None if version.none_is_inline else values.dumps(value)

    own = [
        (base, name, vars(base)[name])
        for base in cls.__mro__
        for name in _SERIALIZE
        if is_base(base) and name in vars(base)
    ]
    for base, name, _ in own:
        setattr(base, name, default)
    try:
        yield
    finally:
        for base, name, method in own:
            setattr(base, name, method)


@check(
    "It uses what this version of Airflow does not have, or not in this way.",
    "Use what each version has that you support, or ask for the version or the attribute first.",
)
def exists_in_version(harness: Harness) -> None:
    found = uses.in_class(type(harness.hooks().backend))
    if found is None:
        raise NotApplicable("its source is not there")
    _expect_all(found, harness.version)


def _expect_all(found: list[uses.Found], version: Version) -> None:
    missing = uses.missing(found, version)
    expect(not missing, f"not in {version}: {'. '.join(missing)}")


def check_file(path: Path, version: Version) -> Result:
    """The result of ``exists_in_version`` for a Dag file or a module, which is not imported.

    :raises OSError: if it cannot be read.
    :raises SyntaxError: if it is not Python.
    """
    begun = time.monotonic()
    outcome, detail = "passed", ""
    try:
        _expect_all(uses.in_file(path), version)
    except Failed as failure:
        outcome, detail = "failed", str(failure)
    return Result(_exists_in_version(), outcome, detail, time.monotonic() - begun)


def _exists_in_version() -> Check:
    [check] = [check for check in CHECKS if check.name == exists_in_version.__name__]
    return check
