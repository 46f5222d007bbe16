"""x"""

from __future__ import annotations

MEMORY = ":memory:"
_PATIENCE = 5  # seconds that a write waits for the removal of the object that it points at
