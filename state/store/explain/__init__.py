"""Explain why a key exists, or does not."""
