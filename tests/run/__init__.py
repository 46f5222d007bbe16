"""Tests of ``state.run`` that run tasks, in the python that AIRFLOW_VENV names."""
