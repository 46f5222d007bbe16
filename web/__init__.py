"""Everything that speaks Flask."""
