"""``python -m state``."""

from .cli import cli

cli(prog_name="stateroom")
