"""One module per table, with all SQL that writes it.

Three tables are written elsewhere: ``meta`` is about the file, so each of its rows by the module
that reads it; ``faults`` by ``store/faults.py``, which also holds them in memory; ``snapshots`` by
``store/snapshots.py``, above the tables that it copies.
"""
