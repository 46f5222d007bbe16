"""Queries of the pages and lists; they only read."""
