"""Data and rules that import nothing but errors: scopes, values, envelope, clock, retention,
faults.
"""
