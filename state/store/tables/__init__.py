"""A module for each table, with all SQL that writes it."""
