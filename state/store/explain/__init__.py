"""Explain why a key is there, or is not."""
