"""marshmallow schemas: the shape of each JSON body and query, under Airflow's own names."""
