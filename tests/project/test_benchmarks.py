"""The benchmarks run: a load against a served process, and its table of results."""

from contextlib import closing

import pytest

from benchmarks import compare, faults, large, own_time, page, plugin, tasks, transfer
from benchmarks.growth import fill, spread
from benchmarks.support import servers
from benchmarks.support.load import Request, run
from benchmarks.support.verdict import verdict
from state.process import ServerProcess
from tests.support.airflow_process import airflow_venv

pytestmark = pytest.mark.slow


def test_a_load_is_measured_and_shown_beside_the_empty_route(tmp_path):
    with servers.stateroom(tmp_path) as ours, servers.empty_route() as empty:
        compare.prepare(ours)
        seen = compare.measure([ours, empty], 0.05, 1, (1,))
    lines = compare.table(seen, (1,))
    assert len(lines) == 1 + 2 * len(compare.OPERATIONS)
    assert all("times its cpu" in line for line in lines[2::2])
    assert ours.mebibytes > 0
    assert seen["Stateroom", "PUT", 1][0].rps > 0
    assert seen["Stateroom", "PUT", 1][0].cpu > 0


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_the_rows_that_are_added_for_the_growth_are_asked_for(method, tmp_path):
    with servers.stateroom(tmp_path):
        pass
    fill(tmp_path / "bench.db", 1000)
    with servers.stateroom(tmp_path) as server:
        assert run(server.url, spread(method, 1000), 2, 0.05).rps > 0


def test_a_load_answered_with_errors_is_an_error(tmp_path):
    with (
        servers.stateroom(tmp_path) as server,
        pytest.raises(RuntimeError, match="key-000 answered 404"),
    ):
        run(server.url, [Request("GET", "/key-000")], 1, 0.05)


def test_the_pages_are_measured_on_what_was_filled_in(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "TASKS", 1600)  # every requested page finds its task
    page.fill(tmp_path / "page.db")
    with ServerProcess(["--db", str(tmp_path / "page.db")]) as process:
        assert set(page.measure(process.url, 1)) == set(page.PAGES)


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("looks", [True, False], ids=["with faults", "without"])
def test_the_cost_of_faults_is_measured_on_calls_that_succeed(looks, method, monkeypatch):
    monkeypatch.setattr(faults, "CALLS", 2)
    app = faults.app(looks)
    assert faults.cost(app, method) > 0
    assert app.test_client().get(faults.KEY).json == {"value": {"job": "4711", "step": 3}}
    app.extensions["stateroom"].store.close()


def test_the_apps_own_time_is_measured_on_calls_that_succeed(tmp_path, monkeypatch):
    monkeypatch.setattr(faults, "CALLS", 2)
    app = own_time.stateroom(str(tmp_path))
    costs = own_time.compare({"empty route": own_time.empty_route(), "Stateroom": app}, turns=2)
    assert costs["PUT"]["Stateroom"] > costs["PUT"]["empty route"]
    assert app.test_client().get(faults.KEY).json == {"value": {"job": "4711", "step": 3}}
    app.extensions["stateroom"].store.close()


def test_long_calls_are_measured_beside_short_ones(tmp_path):
    large.fill(tmp_path / "large.db", 40)
    with ServerProcess(["--db", str(tmp_path / "large.db")]) as process:
        seen = large.measure(process.url, process.process.pid)
    assert all(call.gets and call.puts for call in seen)
    assert max(len(call.puts) for call in seen if call.name == "snapshot") > 3
    assert "reset" in large.line(seen[5], 10)


def test_the_plugins_cost_is_measured_with_and_without_its_use():
    assert list(plugin.measure(1)) == ["not used", "100 tests, memory", "100 tests, server"]


def test_each_way_to_pull_is_measured(tmp_path):
    times = transfer.measure(str(tmp_path), 120)
    assert list(times) == ["Core API", "Core API, again", "copy", "copy, again"]
    assert min(times.values()) > 0


@pytest.mark.airflow
def test_each_way_to_run_a_task_is_measured_with_its_processes(tmp_path):
    venv = airflow_venv()
    served = ServerProcess(["--db", ":memory:"])
    with served as process, closing(tasks.Bench(venv, tmp_path, process.url)) as bench:
        bench.migrate()
        costs = {**tasks.cold(bench, 1), **tasks.warm(bench, 1)}
    assert all(cost.cpu > 0 for (cost,) in costs.values())
    assert costs[tasks.WARM_PYTHON][0].cpu < costs[tasks.BARE][0].cpu
    assert len(tasks.report(costs)) == 1 + len(costs) + 8


def test_the_cost_of_a_task_is_told_beside_its_goal(monkeypatch):
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    seconds = {tasks.BARE: 2, tasks.COLD: 3, tasks.COLD_PYTHON: 2, tasks.TASKS_TEST: 9}
    seconds |= {tasks.DAG_TEST: 8, tasks.WARM_PYTHON: 0.2, tasks.WARM: 0.4}
    costs = {name: [tasks.Cost(wall, wall / 2)] for name, wall in seconds.items()}
    lines = tasks.report(costs)
    assert any(line.startswith(f"{tasks.WARM_PYTHON}, p90: 0.200 s  ok") for line in lines)
    verdicts = [line.split("(load")[0].split()[-1] for line in lines if "(load" in line]
    assert verdicts == ["MISSED", "ok", "ok", "ok", "ok", "ok", "MISSED", "ok"]


@pytest.mark.parametrize(
    ("load", "is_reached", "words"),
    [
        (0.5, True, "ok (load 0.5 per core)"),
        (1.5, False, "MISSED (load 1.5 per core)"),
        (1.6, True, "too busy to tell (load 1.6 per core)"),
        (3.0, False, "too busy to tell (load 3.0 per core)"),
    ],
)
def test_a_busy_machine_judges_nothing(monkeypatch, load, is_reached, words):
    monkeypatch.setattr("os.getloadavg", lambda: (load * 4, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert verdict(is_reached) == words
