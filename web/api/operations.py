"""What each view takes and gives, as ``/openapi.json`` says it: a new view needs a row here, or a test fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import Schema

from schemas import core, execution
from schemas.control import faults, fixtures, journal, namespaces, references, snapshots, values
from state.model.reference_facts import HEADER, REPLACED


@dataclass(frozen=True)
class Operation:
    """What a view takes and gives.

    :param answer: its status, and the schema of its body, a bare JSON schema, or None for no body.
    :param body: a schema, or several of which one has to fit.
    :param also: further statuses of its own.
    :param by: the queries of a path that goes by name or by uri.
    :param open: whether it needs no token even where there is a secret.
    :param forms: whether its body may be a form too.
    :param headers: of its answer, with what they say.
    """

    answer: tuple[int, type[Schema] | dict[str, Any] | None]
    query: type[Schema] | None = None
    body: type[Schema] | tuple[type[Schema], ...] | None = None
    also: tuple[int, ...] = ()
    by: dict[str, type[Schema]] | None = None
    open: bool = False
    forms: bool = False
    headers: dict[str, str] | None = None


_NO_BODY = (204, None)
_VALUE = (200, execution.TaskStateStoreResponse)
_BACKEND = (400, 404, 429, 502, 503, 504)  # of a call that asks the backend
_TOKEN = (201, core.LoginResponse)
_KEY_BY: dict[str, type[Schema]] = {
    "name": execution.AssetKeyByNameQuery,
    "uri": execution.AssetKeyByUriQuery,
}
_BY: dict[str, type[Schema]] = {
    "name": execution.AssetByNameQuery,
    "uri": execution.AssetByUriQuery,
}
_STATES = tuple(type(schema) for schema in execution.TI_STATE_UPDATE.values())
_REF = {HEADER: "What is known of a reference in the value: its backend, size and SHA-256."}
_REPLACED = {REPLACED: "The reference that was there before, percent-encoded."}
_IGNORED = {"Stateroom-Ignored": "Members of the body that its schema does not know."}

OPERATIONS: dict[str, Operation] = {
    "execution_api.health": Operation((200, execution.HealthcheckResponse), open=True),
    "execution_api.get_task_state_store": Operation(_VALUE, headers=_REF),
    "execution_api.set_task_state_store": Operation(
        _NO_BODY, body=execution.TaskStateStorePutBody, headers=_REPLACED
    ),
    "execution_api.delete_task_state_store": Operation(_NO_BODY),
    "execution_api.clear_task_state_store": Operation(_NO_BODY),
    "execution_api.ti_update_state": Operation(_NO_BODY, body=_STATES, also=(200, 409)),
    "execution_api.get_asset": Operation((200, execution.AssetResponse), by=_BY),
    "execution_api.get_asset_state_store": Operation(
        (200, execution.AssetStateStoreResponse), by=_KEY_BY, headers=_REF
    ),
    "execution_api.set_asset_state_store": Operation(
        _NO_BODY, body=execution.AssetStateStorePutBody, by=_KEY_BY, headers=_REPLACED
    ),
    "execution_api.delete_asset_state_store": Operation(_NO_BODY, by=_KEY_BY),
    "execution_api.clear_asset_state_store": Operation(_NO_BODY, by=_BY),
    "core_api.list_task_state_store": Operation(
        (200, core.TaskStateStoreCollectionResponse), core.TaskListQuery
    ),
    "core_api.get_task_state_store": Operation(
        (200, core.TaskStateStoreResponse), core.TaskScopeQuery
    ),
    "core_api.set_task_state_store": Operation(
        _NO_BODY, core.TaskScopeQuery, core.TaskStateStoreBody
    ),
    "core_api.patch_task_state_store": Operation(
        (200, {"type": "null"}), core.TaskScopeQuery, core.TaskStateStorePatchBody
    ),
    "core_api.delete_task_state_store": Operation(_NO_BODY, core.TaskScopeQuery),
    "core_api.clear_task_state_store": Operation(_NO_BODY, core.ClearQuery),
    "core_api.list_asset_state_store": Operation(
        (200, core.AssetStateStoreCollectionResponse), core.Pagination
    ),
    "core_api.get_asset_state_store": Operation((200, core.AssetStateStoreResponse)),
    "core_api.set_asset_state_store": Operation(_NO_BODY, body=core.AssetStateStoreBody),
    "core_api.delete_asset_state_store": Operation(_NO_BODY),
    "core_api.clear_asset_state_store": Operation(_NO_BODY),
    "core_api.get_assets": Operation(
        (200, core.AssetCollectionResponse), core.AssetsQuery, also=(400,)
    ),
    "core_api.get_version": Operation((200, core.VersionInfo), open=True),
    "core_api.get_health": Operation((200, core.HealthInfoResponse), open=True),
    "login.create_token": Operation(
        _TOKEN, body=core.LoginBody, also=(401, 415), open=True, forms=True
    ),
    "login.create_token_cli": Operation(_TOKEN, body=core.LoginBody, also=(401,), open=True),
    "login.create_token_all_admins": Operation(_TOKEN, also=(403,), open=True),
    "control_api.health": Operation((200, fixtures.Health), also=(503,), open=True),
    "control_api.reset": Operation(_NO_BODY, fixtures.ResetOptions),
    "control_api.get_fixture": Operation((200, fixtures.Fixture)),
    "control_api.put_fixture": Operation(
        _NO_BODY, fixtures.StrictOption, fixtures.Fixture, headers=_IGNORED
    ),
    "control_api.get_task_instance": Operation(
        (200, fixtures.TaskInstanceMade), fixtures.TaskInstanceQuery, also=(404,)
    ),
    "control_api.create_task_instance": Operation(
        (201, fixtures.TaskInstanceMade),
        fixtures.StrictOption,
        fixtures.TaskInstanceBody,
        headers=_IGNORED,
    ),
    "control_api.create_asset": Operation(
        (201, fixtures.AssetMade), fixtures.StrictOption, fixtures.AssetBody, headers=_IGNORED
    ),
    "control_api.clean": Operation((200, fixtures.Cleaned), fixtures.CleanOptions),
    "values_api.get_task_value": Operation(_VALUE, values.KeyOption, also=_BACKEND),
    "values_api.set_task_value": Operation(_NO_BODY, values.KeyOption, values.ValueBody, _BACKEND),
    "values_api.delete_task_value": Operation(_NO_BODY, values.KeyOption, also=_BACKEND),
    "values_api.get_asset_value": Operation(_VALUE, also=_BACKEND, by=_KEY_BY),
    "values_api.set_asset_value": Operation(
        _NO_BODY, body=values.ValueBody, also=_BACKEND, by=_KEY_BY
    ),
    "values_api.delete_asset_value": Operation(_NO_BODY, also=_BACKEND, by=_KEY_BY),
    "references_api.list_references": Operation(
        (200, references.References), references.ReferencesQuery
    ),
    "references_api.check": Operation(
        (200, references.Checked), body=references.CheckBody, also=_BACKEND
    ),
    "references_api.list_orphans": Operation(
        (200, references.Orphans), references.OrphansQuery, also=_BACKEND
    ),
    "references_api.remove_orphans": Operation(
        (200, references.Removed), body=references.RemoveBody, also=_BACKEND
    ),
    "namespaces_api.list_namespaces": Operation((200, namespaces.Namespaces)),
    "namespaces_api.create_namespace": Operation(
        (201, namespaces.NamespaceMade), body=namespaces.NamespaceBody, also=(409,)
    ),
    "namespaces_api.drop_namespace": Operation(_NO_BODY, also=(409,)),
    "namespaces_api.get_clock": Operation((200, namespaces.Clock)),
    "namespaces_api.set_namespace_clock": Operation(
        (200, namespaces.Clock), body=namespaces.ClockBody
    ),
    "namespaces_api.reset_clock": Operation(_NO_BODY),
    "faults_api.list_faults": Operation((200, faults.Faults)),
    "faults_api.add_fault": Operation((201, faults.Counted), body=faults.Fault),
    "faults_api.clear_faults": Operation(_NO_BODY),
    "faults_api.remove_fault": Operation(_NO_BODY),
    "faults_api.take_fault": Operation((200, faults.Taken), body=faults.TakeBody),
    "journal_api.explain_key": Operation((200, journal.Explanation), journal.ExplainQuery),
    "snapshots_api.list_snapshots": Operation((200, snapshots.Snapshots)),
    "snapshots_api.take_snapshot": Operation((201, snapshots.Snapshot)),
    "snapshots_api.restore_snapshot": Operation(_NO_BODY),
    "snapshots_api.drop_snapshot": Operation(_NO_BODY),
    "snapshots_api.diff_snapshots": Operation(
        (200, snapshots.Diff), snapshots.DiffQuery, also=(404,)
    ),
    "journal_api.get_history": Operation((200, journal.History), journal.HistoryQuery),
    "journal_api.list_events": Operation((200, journal.Events), journal.JournalQuery),
}
