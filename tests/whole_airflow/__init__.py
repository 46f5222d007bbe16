"""Tests with a whole Airflow: its api-server, in the environment that AIRFLOW_VENV names."""
