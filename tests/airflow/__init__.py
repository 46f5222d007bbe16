"""Tests that run real Airflow packages, in the python that AIRFLOW_VENV names."""
