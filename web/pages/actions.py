"""Act on keys from the pages: add, edit, delete, clear, restore and resolve them.

Every action goes through the gateway, as a task's own call would.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, redirect, render_template, request

from state.errors import StateError
from state.gateway.gateway import Gateway
from state.gateway.resolve import Outcome, Resolution, refusal, resolve
from state.masking import masked
from state.model import envelope, values
from state.model.clock import to_text, to_wire
from state.model.scopes import PAGE
from state.store import keyspaces
from state.store.snapshots import take_before
from state.store.tables import references
from state.store.views import details, history, keys
from state.words import count

from ..errors import Refused
from ..operation import BACKEND, SLOW, lane
from . import forms, session
from .browse import show_owner
from .examples import recipe
from .key import key_argument, row_of, show
from .urls import key_url, named_asset, named_owner, named_task, owner_url

bp = Blueprint("actions", __name__)


def _gateway(owner: dict[str, Any]) -> Gateway:
    namespace = g.namespace
    backend = g.service.backend_of(namespace)
    scope = owner["scope"]
    if owner["asset_id"] is not None:
        keyspace = keyspaces.asset(namespace, owner["asset_id"], writer=PAGE)
        return Gateway(backend, keyspace, scope)
    return Gateway(backend, keyspaces.task(namespace, scope, PAGE), scope, owner["id"])


@bp.post("/task")
@lane(BACKEND)
def act_on_task() -> Any:
    """Add a key to a task instance, or clear it."""
    return _act_on_owner(named_task())


@bp.post("/asset")
@lane(BACKEND)
def act_on_asset() -> Any:
    """Add a key to an asset, or clear it."""
    return _act_on_owner(named_asset())


def _act_on_owner(owner: dict[str, Any]) -> Any:
    action = request.form.get("action")
    if action == "clear":
        return _clear(owner)
    if action == "add":
        return _add(owner)
    raise Refused(400, f"action is {action!r}; expected add or clear")


def _add(owner: dict[str, Any]) -> Any:
    form = forms.read(expires=owner["asset_id"] is None)
    if "key" not in form.errors and keys.get(g.namespace, owner["scope_id"], form.key):
        form.errors["key"] = "This key exists already; open it to edit it."
    if not form.errors:
        _put(owner, form)
    if form.errors:
        return show_owner(owner, status=422, form=form)
    return _done(owner, form, f"The key {form.key!r} is stored.")


def _put(owner: dict[str, Any], form: forms.Form) -> None:
    """Store the form's value; an error is shown in the form, so that no input is lost."""
    try:
        _gateway(owner).put(form.key, form.value, form.expires_at, form.expires_by, form.in_row)
    except (StateError, ValueError) as error:
        form.errors["value"] = f"It was not stored: {masked(str(error))}"


def _done(owner: dict[str, Any], form: forms.Form, text: str) -> Any:
    members: dict[str, str | None] = {}
    if owner["asset_id"] is None:
        members["expires_at"] = None
        if form.expires_at is not None:
            members["expires_at"] = to_wire(to_text(form.expires_at))
    call = recipe("set", owner, form.key, values.dumps(form.value), in_row=form.in_row, **members)
    session.leave_message(text, **call)
    return redirect(key_url({**owner, "key": form.key}), 303)


def _clear(owner: dict[str, Any]) -> Any:
    counts = details.counts(g.namespace, owner["scope_id"])
    undo = take_before(g.namespace, "clear", PAGE)
    _gateway(owner).clear()
    message = f"{count(counts['keys'], 'key')} deleted."
    session.leave_message(message, undo, **recipe("clear", owner))
    return redirect(owner_url(owner), 303)


@bp.post("/key")
@lane(BACKEND)
def act_on_key() -> Any:
    """Edit, delete or restore a key, or resolve its reference."""
    actions = {"save": _save, "delete": _delete, "resolve": _resolve, "restore": _restore}
    action = request.form.get("action", "")
    if action not in actions:
        raise Refused(400, f"action is {action!r}; expected one of {', '.join(actions)}")
    owner = named_owner()
    key = key_argument()
    return actions[action](owner, key, row_of(owner, key))


def _save(owner: dict[str, Any], key: str, row: dict[str, Any] | None) -> Any:
    expires_at = row["expires_at"] if row else None
    form = forms.read(expires=owner["asset_id"] is None, key=key, current=expires_at)
    _check_current(form, row)
    _check_owner(form, row)
    if not form.errors:
        _put(owner, form)
    if form.errors:
        return show(owner, key, row, status=422, form=form)
    return _done(owner, form, "Saved.")


def _check_current(form: forms.Form, row: dict[str, Any] | None) -> None:
    """Refuse to overwrite a change made since the form was shown."""
    updated_at = row["updated_at"] if row else ""
    if request.form.get("seen", "") != updated_at:
        form.errors["seen"] = (
            "This key changed while you were editing. Check its value now, then save again."
        )


def _check_owner(form: forms.Form, row: dict[str, Any] | None) -> None:
    """Refuse to overwrite a reference that the namespace's backend did not make."""
    if row is None or row["kind"] != "reference":
        return
    reason = refusal(g.namespace, g.service.backend_of(g.namespace), row)
    if reason is not None:
        resolution = reason.resolution.value.capitalize()
        form.errors["value"] = (
            f"{resolution}: a reference is edited through the backend that made it. "
            f"{reason.sentence}"
        )


def _delete(owner: dict[str, Any], key: str, row: dict[str, Any] | None) -> Any:
    _gateway(owner).delete(key)
    session.leave_message(f"The key {key!r} is deleted.", **recipe("delete", owner, key))
    return redirect(owner_url(owner), 303)


def _resolve(owner: dict[str, Any], key: str, row: dict[str, Any] | None) -> Any:
    if row is None or row["kind"] != "reference":
        return redirect(key_url({**owner, "key": key}), 303)
    outcome = resolve(g.namespace, g.service.backend_of(g.namespace), row)
    return show(owner, key, keys.get(g.namespace, owner["scope_id"], key) or row, outcome=outcome)


def _restore(owner: dict[str, Any], key: str, row: dict[str, Any] | None) -> Any:
    """Store an earlier value of a key again, where it was, with the key's current expiry."""
    text, place, error = _earlier_value(owner, key)
    form = forms.Form({"key": key, "place": place})
    _check_owner(form, row)
    if error or form.errors:
        return show(owner, key, row, status=409, refused=error or form.errors["value"])
    form.value = values.loads(text or "null")
    form.expires_at, form.expires_by = forms.expiry_of(owner, row)
    _put(owner, form)
    if form.errors:
        return show(owner, key, row, status=409, refused=form.errors["value"])
    return _done(owner, form, "The earlier value is restored.")


def _earlier_value(owner: dict[str, Any], key: str) -> tuple[str | None, str, str | None]:
    """The JSON that a key held at the form's event, its place, and why it cannot be restored; the
    first or the last is None.
    """
    seq = request.form.get("seq", "")
    event = None
    if seq.isdecimal() and len(seq) < 16:
        event = history.event(g.namespace, owner["scope_id"], key, int(seq))
    if event is None or event["text"] is None:
        return None, "", "That event is not in the journal any more, or it left no value."
    if event["kind"] == "malformed":
        return None, "", "That value is a malformed envelope, which cannot be stored again."
    if event["kind"] == "value":
        return event["text"], "row", None
    ref = envelope.unwrap(values.loads(event["text"]))
    outcome = _resolve_earlier(owner, key, str(ref))
    if outcome.text is None:
        return None, "", f"Its object cannot be read: {outcome.sentence}"
    return outcome.text, "backend", None


def _resolve_earlier(owner: dict[str, Any], key: str, ref: str) -> Outcome:
    row = references.of_key(g.namespace, owner["scope_id"], key, ref)
    if row is None:
        message = "This reference is no longer known, and its object is deleted."
        return Outcome(Resolution.REFUSED, message)
    return resolve(g.namespace, g.service.backend_of(g.namespace), {**row, "ref_size": row["size"]})


@bp.get("/ask")
@lane(SLOW)
def ask() -> Any:
    """Show what would be deleted, and ask for confirmation."""
    owner = named_owner()
    key = request.args.get("key")
    row = keys.get(g.namespace, owner["scope_id"], key) if key else None
    counts = details.counts(g.namespace, owner["scope_id"])
    resolves = g.service.backend_of(g.namespace).hooks is not None
    return render_template(
        "ask.html", owner=owner, key=key, row=row, counts=counts, resolves=resolves
    )
