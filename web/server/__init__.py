"""Listen, and hand each call to a thread: waitress, lanes, the command ``serve``."""
