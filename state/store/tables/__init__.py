"""One module per table, with all SQL that writes it.

Three tables are written elsewhere: ``meta`` by ``store/database/meta.py``, because it is about the
database; ``faults`` by ``store/faults.py``, which also holds them in memory; ``snapshots`` by
``store/snapshots.py``, above the tables that it copies.
"""
