"""The form of a value: a key, JSON, an expiry.

Invalid input is shown again, with an error beside its field.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from flask import g, request

from schemas.fields.datetimes import utc_from_string
from state.model import envelope, values
from state.model.clock import from_text, to_text
from state.model.retention import default_expiry

from ..service import setting
from .formatting import now

_FIELDS = ("key", "value", "place", "expires", "expires_at")
_LONGEST_KEY = 512  # characters, as Airflow's column


@dataclass
class Form:
    """A form that was sent.

    :param inputs: what was typed, by the field's name.
    :param errors: what is wrong with it, by the field's name.
    """

    inputs: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    value: Any = None
    expires_at: datetime | None = None
    expires_by: str = "namespace"

    @property
    def key(self) -> str:
        return self.inputs.get("key", "")

    @property
    def in_row(self) -> bool:
        """Whether the value is stored in its row, and not handed to the backend."""
        return self.inputs.get("place") == "row"


def read(expires: bool, key: str | None = None, current: str | None = None) -> Form:
    """Read the form of a value.

    :param expires: whether the form has an expiry.
    :param key: of the edited entry; None if the form names it.
    :param current: the expiry of the edited entry.
    """
    form = Form({name: request.form.get(name, "") for name in _FIELDS})
    if key is not None:
        form.inputs["key"] = key
    _check_key(form)
    _read_value(form)
    if expires:
        _read_expiry(form, current)
    return form


def _check_key(form: Form) -> None:
    if not form.key:
        form.errors["key"] = "Write a key."
    elif len(form.key) > _LONGEST_KEY:
        form.errors["key"] = (
            f"A key has at most {_LONGEST_KEY} characters; this one has {len(form.key)}."
        )
    elif "\n" in form.key or "\r" in form.key:
        form.errors["key"] = "A key with a line break cannot be reached by Airflow's clients."


def _read_value(form: Form) -> None:
    text = form.inputs["value"]
    if not text.strip():
        form.errors["value"] = 'Write JSON: "text" in quotes, 42, true, {"a": 1} or [1, 2].'
        return
    try:
        form.value = json.loads(text, parse_constant=_refuse)
        values.check(form.value)
        envelope.check_unmarked(form.value)
    except json.JSONDecodeError as error:
        form.errors["value"] = _syntax_error(text, error)
    except RecursionError:
        form.errors["value"] = "This value is nested too deeply."
    except (ValueError, TypeError) as error:
        form.errors["value"] = f"{error}."
    else:
        _check_size(form)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _syntax_error(text: str, error: json.JSONDecodeError) -> str:
    """The message about invalid JSON: where, what, and the text around it."""
    lines = text.splitlines() or [""]
    line = lines[min(error.lineno, len(lines)) - 1]
    excerpt = line[max(0, error.colno - 15) : error.colno + 10].strip()
    hint = ""
    if (error.pos == 0 and text[:1].isalpha()) or text[:1] == "'":
        hint = " Text needs double quotes."
    return (
        f"Line {error.lineno}, column {error.colno}: {error.msg.lower()}, near “{excerpt}”.{hint}"
    )


def _check_size(form: Form) -> None:
    limit = int(setting("max_value_storage_bytes"))
    size = len(values.dumps(form.value))
    is_row = form.in_row or g.service.backend_of(g.namespace).hooks is None
    if limit and size > limit and is_row:
        form.errors["value"] = (
            f"This value has {size:,} bytes; max_value_storage_bytes allows {limit:,}."
        )


def _read_expiry(form: Form, current: str | None) -> None:
    choice = form.inputs["expires"] or "default"
    if choice == "never":
        return
    if choice == "keep":
        form.expires_at = _moment(current)
        form.expires_by = "caller"
    elif choice == "at":
        _read_moment(form)
    else:
        form.expires_at = _default_expiry()


def _moment(text: str | None) -> datetime | None:
    """A stored expiry; None for never."""
    if text is None:
        return None
    return from_text(text)


def _default_expiry() -> datetime | None:
    days = int(setting("default_retention_days"))
    return default_expiry(days, now())


def _read_moment(form: Form) -> None:
    text = form.inputs["expires_at"].strip()
    if not text:
        form.errors["expires_at"] = "Write when the value expires."
        return
    try:
        form.expires_at = utc_from_string(text)
        to_text(form.expires_at)  # raises OverflowError
        form.expires_by = "caller"
    except (ValueError, OverflowError) as error:
        form.errors["expires_at"] = f"Write a time such as 2030-12-24T18:00 (in UTC): {error}."


def expiry_of(owner: dict[str, Any], row: dict[str, Any] | None) -> tuple[datetime | None, str]:
    """The expiry of a restored value, and who chose it.

    It is the key's current expiry; the default for a deleted key; none for an asset's.
    """
    if owner["asset_id"] is not None:
        return None, "namespace"
    if row is None:
        return _default_expiry(), "namespace"
    return _moment(row["expires_at"]), "caller"


def default_at() -> str | None:
    """When a value that is stored now expires by default, as text; None for never."""
    moment = _default_expiry()
    if moment is None:
        return None
    return to_text(moment)
