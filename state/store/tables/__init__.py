"""One module per table, with all SQL that writes it."""
