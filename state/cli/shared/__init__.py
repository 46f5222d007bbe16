"""What the commands share: connection, options, tables, and the care before something is lost."""
