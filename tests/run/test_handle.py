"""``stateroom.run(…)``: a real task from a test, its retries, and what it is given."""

from pathlib import Path

import pytest

from state.run.errors import DagNotImported, NotRetried, RunError

pytestmark = [pytest.mark.airflow, pytest.mark.usefixtures("kept_airflow")]

DAGS = Path(__file__).parent / "dags"
ETL = DAGS / "etl.py"
INPUTS = DAGS / "inputs.py"
MAPPED = DAGS / "mapped.py"


def test_a_retry_finds_the_job_of_the_first_attempt(stateroom):
    result = stateroom.run(ETL, "submit")
    assert result.state == "up_for_retry"
    assert result.changes == {("etl/submit", "job_id"): (None, "job-1")}
    retry = result.retry()
    assert retry.xcom == "job-1"
    assert retry.try_number == 2
    assert retry.ti_id != result.ti_id
    assert stateroom.errors == [("etl/submit attempt 1", result.error)]


def test_a_relative_file_begins_at_the_current_directory(stateroom, monkeypatch):
    monkeypatch.chdir(DAGS.parent)
    assert stateroom.run("dags/etl.py", "load").state == "success"
    with pytest.raises(DagNotImported, match=f"no Dag file {DAGS.parent}/etl.py .'etl.py' in the "):
        stateroom.run("etl.py", "load")


def test_a_result_says_what_happened(stateroom):
    result = stateroom.run(ETL, "submit")
    assert repr(result) == (
        "<Result etl/submit attempt 1: up_for_retry, ConnectionError: lost the connection to the "
        'cluster, job_id nothing → "job-1">'
    )


def test_an_attempt_knows_its_accesses(stateroom):
    result = stateroom.run(ETL, "submit").retry()
    accesses = [(event.op, event.key) for event in result.accesses]
    assert accesses == [("get", "job_id"), ("set_xcom", "return_value")]
    assert result.task.get("job_id") == "job-1"


def test_the_state_of_an_earlier_accessor_is_found(stateroom):
    task = stateroom.task("etl", "submit")
    task.set("job_id", "job-7")
    assert stateroom.run(ETL, "submit").xcom == "job-7"
    assert stateroom.task("etl", "submit").try_number == 2


@pytest.mark.parametrize(
    ("task_id", "words"),
    [
        ("give_up", "it ended as failed, though it had tries left"),
        ("fail", "it ended as failed, and has no retries"),
        ("write", "it ended as success"),
    ],
)
def test_no_retry_comes_and_the_error_says_why(stateroom, task_id, words):
    result = stateroom.run(INPUTS, task_id)
    with pytest.raises(NotRetried, match=f"attempt 1 of inputs/{task_id} is not retried: {words}"):
        result.retry()


def test_the_last_try_is_not_retried(stateroom):
    result = stateroom.run(INPUTS, "settings")
    assert result.state == "up_for_retry"
    last = result.retry()
    with pytest.raises(NotRetried, match="it ended as failed, and had 2 tries"):
        last.retry()
    with pytest.raises(NotRetried, match="the task instance is failed now; call retry"):
        result.retry()


def test_running_a_finished_task_again_gives_it_its_retries(stateroom):
    assert stateroom.run(INPUTS, "settings").retry().state == "failed"
    assert stateroom.run(INPUTS, "settings").state == "up_for_retry"


def test_variables_and_connections_are_given(stateroom):
    result = stateroom.run(
        INPUTS,
        "settings",
        variables={"page_size": 50},
        connections={"warehouse": "postgres://me:s3cr3t@db/shop"},
    )
    assert result.xcom == ["50", "me", "s3cr3t", "db"]


def test_xcoms_of_a_mapped_task_are_given_as_a_list(stateroom):
    assert stateroom.run(INPUTS, "total", xcoms={"double": [2, 4]}).xcom == 6


def test_a_mapped_task_instance_is_run(stateroom):
    result = stateroom.run(INPUTS, "double", map_index=1, xcoms={"numbers": [5, 6]})
    assert result.xcom == 12
    assert result.scope.map_index == 1


def test_a_mapped_task_without_a_map_index_says_what_to_do(stateroom):
    with pytest.raises(RunError, match="'double' is mapped; say which .* --map-index 0"):
        stateroom.run(INPUTS, "double")


@pytest.mark.parametrize(
    ("task_id", "length", "last"),
    [
        ("double", 3, "6"),
        ("pairs", 2, "(2, 'b')"),
        ("filled", 3, "(3, 0)"),
        ("all", 6, "6"),
        ("of_doubles", 3, "6"),
        ("keywords", 3, "3"),
    ],
)
def test_xcoms_decide_which_map_indices_there_are(stateroom, task_id, length, last):
    xcoms = {"numbers": [1, 2, 3], "letters": ["a", "b"], "double": [2, 4, 6]}
    result = stateroom.run(MAPPED, task_id, map_index=length - 1, xcoms=xcoms)
    assert result.xcom == last
    words = f"the task '{task_id}' has no map index {length}: it is mapped over {length} values"
    with pytest.raises(RunError, match=words):
        stateroom.run(MAPPED, task_id, map_index=length)


@pytest.mark.parametrize(
    ("xcoms", "words"),
    [
        ({"other": 1}, "for the task 'other', which the Dag 'inputs' does not have; its tasks: "),
        ({"double": 1}, "'double' is mapped: its XCom is a list, .* and not 1"),
    ],
)
def test_an_xcom_that_cannot_be_is_refused(stateroom, xcoms, words):
    with pytest.raises(RunError, match=words):
        stateroom.run(INPUTS, "total", xcoms=xcoms)


def test_references_of_assets_are_there(stateroom):
    result = stateroom.run(INPUTS, "read")
    assert result.xcom == 0
    assert stateroom.state["asset s3://bucket/days"] == {"watermark": 1}
    names = {asset["name"] for asset in stateroom.document()["assets"]}
    assert names == {"orders", "customers", "s3://bucket/days"}


def test_an_alias_gets_the_assets_that_the_task_adds(stateroom):
    assert stateroom.run(INPUTS, "write").state == "success"
    assert stateroom.document()["asset_aliases"] == [{"name": "tables", "assets": ["orders"]}]


def test_a_run_id_with_a_moment_has_a_logical_date(stateroom):
    result = stateroom.run(ETL, "load", run_id="manual__2026-01-02T00:00:00+00:00")
    (run,) = stateroom.document()["dag_runs"]
    assert run["logical_date"] == "2026-01-02T00:00:00Z"
    assert result.state == "success"


def test_the_log_is_streamed_with_the_accesses_in_order(stateroom):
    stateroom.run(ETL, "submit")
    records = []
    result = stateroom.run(ETL, "submit", on_record=records.append)
    events = [record["event"] for record in records]
    read = events.index('get job_id -> "job-1"')
    assert read < events.index('set_xcom return_value "job-1"')
    assert read < events.index("found job-1")  # the supervisor reads what is printed later
    assert [record for record in records if record["level"] != "state"] == result.log
    assert len([record for record in records if record["level"] == "state"]) == 2


def test_a_version_that_was_never_tried_is_named(stateroom, monkeypatch):
    monkeypatch.setattr("state.run.run.TRIED", ("3.2.0",))
    result = stateroom.run(ETL, "load")
    assert result.state == "success"
    assert "was never tried with Stateroom, which knows 3.2.0" in result.log[0]["event"]


def test_the_worker_has_the_backend_of_the_handle(stateroom, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    stateroom.backend("file", base=str(tmp_path / "objects"))
    stateroom.run(ETL, "submit")
    assert "__airflow_state_ref__" in stateroom.state["etl/submit"]["job_id"]
    assert stateroom.task("etl", "submit").get("job_id") == "job-1"
    assert stateroom.run(ETL, "submit").xcom == "job-1"
    assert stateroom.run(ETL, "load", backend="metastore").state == "success"
    assert stateroom.state["asset orders"] == {"watermark": 7}


def test_showing_the_accesses_does_not_slow_the_task(stateroom):
    seconds = {False: [], True: []}
    for is_shown in [True, False] * 5:
        after = stateroom.journal.last
        stateroom.run(ETL, "load", on_record=(lambda record: None) if is_shown else None)
        started, ended = (
            event.real_at for event in stateroom.journal.events(after) if event.op == "state"
        )
        seconds[is_shown].append(ended - started)
    assert min(seconds[True]) < min(seconds[False]) * 1.5
