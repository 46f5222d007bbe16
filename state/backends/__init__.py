"""State backends: where values go instead of the database."""
