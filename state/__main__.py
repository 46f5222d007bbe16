"""``python -m state``."""

from .cli import main

main()
