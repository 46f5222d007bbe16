"""The variables and connections on the page of a namespace, without their secrets."""

from __future__ import annotations

from typing import Any

from flask import g

from state.store.views import shared

from ..service import setting

_SHOWN = 200  # rows of each list


def facts() -> dict[str, Any]:
    """What the panels show: the first variables and connections, and how many there are more."""
    sensitive = setting("sensitive_var_conn_names")
    variables, number = shared.variables_without_secrets(g.namespace, _SHOWN, sensitive)
    connections, total = shared.connections_without_secrets(g.namespace, _SHOWN)
    return {
        "variables": variables,
        "more_variables": number - len(variables),
        "connections": connections,
        "more_connections": total - len(connections),
    }
