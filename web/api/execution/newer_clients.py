"""Bodies as clients of newer versions of the Execution API send them (Airflow 3.4.0b2).

A version is a date; what a version added to a body is left out of it here, since this one does
nothing with it and would refuse it as an unknown member.
"""

from __future__ import annotations

from flask import g

from schemas.execution import task_instances as schemas

from ...request import version
from ...request.parsing import Part, body

_OF_3_4 = "2026-10-30"
_OF_ENDED = ("loop_decision", "retry_reason")
# the members of a report of a state, by the version that added them and by the state
_REPORT_MEMBERS = {
    _OF_3_4: {
        "success": ("loop_decision",),
        **dict.fromkeys(("failed", "skipped", "removed", "upstream_failed"), _OF_ENDED),
    },
}


def says_stopped() -> bool:
    """Whether the body of a report of a state only says that the worker has ended its task, because
    a heartbeat or a report was refused.
    """
    is_newer = version.spoken() < _OF_3_4 <= version.of_client()
    return is_newer and isinstance(g.body, dict) and g.body.get("state") == "server_terminated"


def state_report() -> Part:
    """The body of a report of a state, without what a version added to it that is newer than the
    one that is emulated.
    """
    if version.spoken() >= _OF_3_4:
        return body(schemas.TI_STATE_UPDATE_OF_34)
    schema, report, where = body(schemas.TI_STATE_UPDATE)
    if not isinstance(report, dict) or version.of_client() <= version.WITH_STORE:
        return schema, report, where
    state = report.get("state")
    for since, members in _REPORT_MEMBERS.items():
        if version.of_client() >= since and isinstance(state, str):
            added = members.get(state, ())
            report = {name: value for name, value in report.items() if name not in added}
    return schema, report, where
