"""The database file: its connections, its owner, its migrations."""
