"""The journal: numbered events, written with the writes that they tell of."""
