"""``stateroom demo``: a world to look at, and a scene that is played in it."""
