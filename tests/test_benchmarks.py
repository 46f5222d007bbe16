"""The benchmarks run: a load against a served process, and the table of what it saw."""

from benchmarks import compare, servers
from benchmarks.growth import fill
from state.store import Store


def test_a_load_is_measured_and_shown_beside_the_empty_route(tmp_path):
    with servers.stateroom(tmp_path) as ours, servers.empty_route() as empty:
        compare.prepare(ours)
        seen = compare.measure([ours, empty], 0.05, 1, (1,))
    lines = compare.table(seen, (1,))
    assert len(lines) == 5 and all("% of empty" in line for line in lines[1:])
    assert ours.mebibytes > 0 and seen["Stateroom", "PUT", 1][0].rps > 0


def test_rows_are_added_for_the_growth(tmp_path):
    with servers.stateroom(tmp_path):
        pass
    fill(tmp_path / "bench.db", 1000)
    store = Store(str(tmp_path / "bench.db"))
    with store.reading() as db:
        assert db.execute("SELECT count(*) FROM entries").fetchone() == (1000,)
    store.close()
