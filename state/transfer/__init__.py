"""Carry state between a Stateroom and an Airflow, or between two Staterooms.

From and to an Airflow it goes through the Core API, between Staterooms as fixture documents. What
is there already is not carried again, so that a run that was interrupted goes on where it was.
"""
