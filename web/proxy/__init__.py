"""In front of a whole Airflow: calls on state are answered here, all others are passed on."""
