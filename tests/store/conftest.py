import pytest

from state.store import snapshots


@pytest.fixture(params=["at once", pytest.param("in slices", marks=pytest.mark.slow)])
def sizes(request, monkeypatch):
    """Lets each test run again with namespaces that count as large."""
    if request.param == "in slices":
        monkeypatch.setattr(snapshots, "_FEW", 0)
