"""Bodies and queries of the Control API: a module for each noun."""
