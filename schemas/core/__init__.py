"""Bodies and queries of the Core API (Airflow 3.3.2), named as in Airflow, in modules
named as those of the views.
"""
