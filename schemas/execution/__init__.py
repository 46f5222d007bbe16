"""Bodies and queries of the Execution API (2026-06-30, Airflow 3.3.2), named as in Airflow, in
modules named as those of the views.
"""
