"""The JSON APIs: Airflow's Execution API and Core API, Stateroom's Control API, and their
description.
"""
