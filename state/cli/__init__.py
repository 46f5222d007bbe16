"""The command line ``stateroom``."""

from .main import main as main
