"""Packages that a test may need beyond requirements.txt; without them it skips and says which."""

from importlib.util import find_spec

import pytest

NEEDS_FSSPEC = pytest.mark.skipif(
    find_spec("fsspec") is None, reason="needs fsspec: pip install -r requirements-test.txt"
)
