"""The journal: numbered events, written in the transactions of their writes."""
