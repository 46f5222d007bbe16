"""What the versions of Airflow do differently: a table of rules, a record for each version.

``--compat`` chooses the record; ask it for a rule, never for a version.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """The rules of a version.

    :param airflow: the version as the start-up lines name it.
    :param release: the release that was measured.
    :param build: what that release says of its source.
    :param execution_api: the newest version of its Execution API, a date.
    """

    airflow: str
    release: str
    build: str
    execution_api: str


RULES = {
    "3.3": Rules(
        airflow="3.3",
        release="3.3.2",
        build=".release:aa19d2dbb9ed187ec01957a92848d9b005e9ba9d",
        execution_api="2026-06-30",
    ),
    "3.4": Rules(
        airflow="3.4.0b2",
        release="3.4.0b2",
        build=".dev0+acb52b84035c507b4a6527c9e6a68556966148de.dirty",
        execution_api="2026-10-30",
    ),
}
DEFAULT = RULES["3.3"]
