"""The version, and the health."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..fields.airflow import UtcDateTime


class VersionInfo(Schema):
    """The version of Airflow that is emulated."""

    version = fields.Str(required=True)
    git_version = fields.Str(required=True, allow_none=True)


class BaseInfoResponse(Schema):
    """The health of a component; null for one that Stateroom does not have."""

    status = fields.Str(required=True, allow_none=True)


class SchedulerInfoResponse(BaseInfoResponse):
    """The health of the scheduler, which Stateroom does not have."""

    latest_scheduler_heartbeat = UtcDateTime(required=True, allow_none=True)


class TriggererInfoResponse(BaseInfoResponse):
    """The health of the triggerer, which Stateroom does not have."""

    latest_triggerer_heartbeat = UtcDateTime(required=True, allow_none=True)


class DagProcessorInfoResponse(BaseInfoResponse):
    """The health of the Dag processor, which Stateroom does not have."""

    latest_dag_processor_heartbeat = UtcDateTime(required=True, allow_none=True)


class HealthInfoResponse(Schema):
    """The health of all components."""

    metadatabase = fields.Nested(BaseInfoResponse, required=True)
    scheduler = fields.Nested(SchedulerInfoResponse, required=True)
    triggerer = fields.Nested(TriggererInfoResponse, required=True)
    dag_processor = fields.Nested(DagProcessorInfoResponse, required=True)
