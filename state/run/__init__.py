"""Run one task of a Dag file by Airflow's own supervisor, against a Stateroom."""
