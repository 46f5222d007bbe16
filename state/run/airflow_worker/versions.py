"""The versions of the Airflow that runs tasks."""

from __future__ import annotations

from importlib.metadata import version


def versions() -> dict[str, str]:
    return {"airflow": version("apache-airflow-core"), "sdk": version("apache-airflow-task-sdk")}
