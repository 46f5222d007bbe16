"""Dags, as tasks ask for them."""

from __future__ import annotations

from typing import Any

from ...errors import DagNotFound
from ..namespace import Namespace
from ..tables import dags
from .dag_runs import wire

BUNDLE = "fixture"  # the name of the bundle of every Dag
VERSION_DATE = "2026-01-01T00:00:00.000000Z"  # when the only version of each Dag was made


def of_task(namespace: Namespace, dag_id: str) -> dict[str, Any]:
    """A Dag, as the Execution API sends it.

    :raises DagNotFound: if it is unknown and has no runs either.
    """
    with namespace.database.reading() as db:
        facts = dags.facts_of(db, namespace.ns, dag_id)
    if facts is None:
        raise DagNotFound.by_id(dag_id)
    return {
        "dag_id": dag_id,
        "is_paused": facts["is_paused"],
        "bundle_name": BUNDLE,
        "bundle_version": None,
        "relative_fileloc": facts["relative_fileloc"],
        "owners": facts["owners"],
        "tags": sorted(facts["tags"]),
        "next_dagrun": wire(facts["next_dagrun_logical_date"]),
    }
