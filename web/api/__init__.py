"""The JSON APIs: Airflow's Execution and Core API, Stateroom's Control API, their description."""
