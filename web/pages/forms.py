"""What a person typed: a key, JSON, an expiry. Wrong input is named at its place, and nothing of it is lost."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NoReturn

from flask import g, request

from schemas.fields.datetimes import from_string
from state.model import envelope, values
from state.model.clock import from_text, to_text
from state.model.retention import default_expiry

from ..service import service, setting

_LONGEST_KEY = 512  # characters, as Airflow's column


@dataclass
class Form:
    """A form that was sent.

    :param typed: what was typed, by the field's name.
    :param wrong: what is wrong with it, by the field's name.
    """

    typed: dict[str, str]
    wrong: dict[str, str] = field(default_factory=dict)
    value: Any = None
    expires_at: datetime | None = None
    expires_by: str = "namespace"

    @property
    def key(self) -> str:
        return self.typed.get("key", "")


def read(expires: bool, key: str | None = None, kept: str | None = None) -> Form:
    """Read the form of a value.

    :param expires: whether it says when the value expires.
    :param key: of the entry that is edited; None if the form names it.
    :param kept: the expiry of the entry that is edited.
    """
    form = Form(
        {name: request.form.get(name, "") for name in ("key", "value", "expires", "expires_at")}
    )
    if key is not None:
        form.typed["key"] = key
    _check_key(form)
    _read_value(form)
    if expires:
        _read_expiry(form, kept)
    return form


def _check_key(form: Form) -> None:
    if not form.key:
        form.wrong["key"] = "A key has at least one character."
    elif len(form.key) > _LONGEST_KEY:
        form.wrong["key"] = (
            f"A key has {_LONGEST_KEY} characters at most; this one has {len(form.key)}."
        )
    elif "\n" in form.key or "\r" in form.key:
        form.wrong["key"] = "A key with a line break cannot be reached by Airflow's clients."


def _read_value(form: Form) -> None:
    text = form.typed["value"]
    if not text.strip():
        form.wrong["value"] = 'Write JSON: "text" in quotes, 42, true, {"a": 1} or [1, 2].'
        return
    try:
        form.value = json.loads(text, parse_constant=_refuse)
        values.check(form.value)
    except json.JSONDecodeError as error:
        form.wrong["value"] = _at_its_place(text, error)
    except RecursionError:
        form.wrong["value"] = "This is nested too deeply."
    except (ValueError, TypeError) as error:
        form.wrong["value"] = f"{error}."
    else:
        _check_value(form)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _at_its_place(text: str, error: json.JSONDecodeError) -> str:
    """What is wrong, where, and what stands there."""
    line = (text.splitlines() or [""])[min(error.lineno, len(text.splitlines()) or 1) - 1]
    near = line[max(0, error.colno - 15) : error.colno + 10].strip()
    hint = (
        " Text needs double quotes."
        if error.pos == 0 and text[:1].isalpha() or text[:1] == "'"
        else ""
    )
    return f"Line {error.lineno}, column {error.colno}: {error.msg.lower()}, near “{near}”.{hint}"


def _check_value(form: Form) -> None:
    if envelope.kind(form.value) != "value":
        form.wrong["value"] = (
            f"The member {envelope.MARKER} marks a reference; only a backend makes one."
        )
    limit = int(setting("max_value_storage_bytes"))
    size = len(values.dumps(form.value))
    if limit and size > limit and service().backend_of(g.namespace).hooks is None:
        form.wrong["value"] = f"This has {size:,} bytes; max_value_storage_bytes allows {limit:,}."


def _read_expiry(form: Form, kept: str | None) -> None:
    choice = form.typed["expires"] or "default"
    if choice == "never":
        return
    if choice == "keep":
        form.expires_at = from_text(kept) if kept else None
        form.expires_by = "caller"
    elif choice == "at":
        _read_moment(form)
    else:
        form.expires_at = default_expiry(
            int(setting("default_retention_days")), g.namespace.clock.now()
        )


def _read_moment(form: Form) -> None:
    text = form.typed["expires_at"].strip()
    try:
        moment = from_string(text)
        form.expires_at = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        to_text(form.expires_at)
        form.expires_by = "caller"
    except (ValueError, OverflowError) as error:
        form.wrong["expires_at"] = (
            f"Write a moment such as 2030-12-24T18:00 (in UTC): {error}." if text else "When?"
        )


def expiry_of(place: dict[str, Any], row: dict[str, Any] | None) -> tuple[datetime | None, str]:
    """The expiry that a restored value gets, and by whose clock: the key's own if it is there, else the default."""
    if place["asset_id"] is not None or row is None:
        days = 0 if place["asset_id"] is not None else int(setting("default_retention_days"))
        return default_expiry(days, g.namespace.clock.now()), "namespace"
    return (from_text(row["expires_at"]) if row["expires_at"] else None), "caller"


def default_at() -> str | None:
    """When a value that is stored now with the default retention expires, as text; None for never."""
    moment = default_expiry(int(setting("default_retention_days")), g.namespace.clock.now())
    return to_text(moment) if moment else None
