"""References over HTTP and in the terminal: listing, checking, orphans, and no credential in any of
them.
"""

import json
import logging
import os

import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.client.http import StateroomClient
from state.model import envelope
from state.model.reference_facts import Facts
from state.process import ServerProcess
from tests.support.values import Values
from web.server.serve import MaskingFormatter

SECRET_REF = "s3://user:hunter2@bucket/k?X-Amz-Signature=hunter2"


@pytest.fixture
def values(app_with):
    return Values(app_with("Folder"))


def get(values, path="", **query):
    answer = values.http.get(f"/_stateroom/references{path}", query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def post(values, path, body):
    answer = values.http.post(f"/_stateroom/references{path}", json=body)
    return answer.status_code, answer.get_json()


def test_a_reference_is_listed_with_all_that_is_known(values):
    values.put({"a": 1})
    (row,) = get(values)["references"]
    assert row["scope"] == {"dag_id": "etl", "run_id": "r1", "task_id": "load", "map_index": -1}
    facts = Facts.of("tests.support.backends.small.Folder", {"a": 1})
    assert row["backend"] == facts.backend
    assert row["size"] == facts.size
    assert row["sha256"] == facts.sha256
    assert row["health"] == "unchecked"
    assert row["released_at"] is None
    assert row["written_by"] == {"kind": "api", "ti_id": None}


@pytest.mark.parametrize("length", [8193, 100_000])
def test_a_reference_too_long_is_refused_where_it_comes_in(values, length):
    path = f"/execution/store/ti/{values.ti_id}/k"
    answer = values.http.put(path, json={"value": envelope.wrap("s" * length)})
    assert answer.status_code == 422
    assert answer.json["detail"]["reason"] == "reference_too_long"
    assert f"this one has {length}" in answer.json["detail"]["message"]
    assert values.http.get(path).status_code == 404


def test_a_reference_outlives_its_scope(values):
    values.put(1)
    values.http.post("/_stateroom/reset")
    (kept,) = get(values)["references"]
    values.http.delete("/_stateroom/snapshots/before-reset")
    (row,) = get(values)["references"]
    assert kept["health"] == "unchecked"
    assert row["scope"] is None
    assert row["key"] == "k"
    assert row["health"] == "orphan"


def test_pages_and_filters(values):
    for number in range(3):
        values.call("PUT", key=f"k{number}", json={"value": number})
    values.task.set("other", envelope.wrap("s3://x"), facts=Facts.of("other", 1))
    assert get(values, limit=1, offset=1)["total_entries"] == 4
    assert [row["key"] for row in get(values, limit=1, offset=1)["references"]] == ["k1"]
    assert [row["key"] for row in get(values, backend="other")["references"]] == ["other"]
    assert get(values, health="missing") == {"references": [], "total_entries": 0}


def test_a_health_that_does_not_exist_is_refused(values):
    assert values.http.get("/_stateroom/references?health=fine").status_code == 422


def test_a_check_notes_what_it_finds(values):
    values.put(1)
    os.unlink(get(values)["references"][0]["ref"])
    assert post(values, "/check", {})[1]["health"] == {"missing": 1}
    (row,) = get(values, health="missing")["references"]
    assert row["checked_at"] is not None


def test_orphans_are_listed_and_removed_only_with_confirmation(values):
    values.put(1)
    values.task.delete("k")
    (orphan,) = get(values, "/orphans", older_than=0)["orphans"]
    assert orphan["verdict"] == "removable"
    assert orphan["why"] == "no key points at it"
    assert post(values, "/orphans/remove", {"older_than": 0})[0] == 422
    assert post(values, "/orphans/remove", {"older_than": 0, "confirm": False})[0] == 400
    assert os.path.exists(orphan["ref"])
    assert [
        row["ref"]
        for row in post(values, "/orphans/remove", {"older_than": 0, "confirm": True})[1]["removed"]
    ] == [orphan["ref"]]
    assert not os.path.exists(orphan["ref"])


def test_the_default_age_is_a_day(values):
    values.put(1)
    values.task.delete("k")
    status, answer = post(values, "/orphans/remove", {"confirm": True})
    assert status == 200
    assert answer["removed"] == []
    assert answer["left"][0]["verdict"] == "too young"


@pytest.mark.parametrize("path", ["", "/orphans"])
def test_only_admins_see_references(app_with, path):
    values = Values(app_with("Folder", jwt_secret="s" * 64))
    assert values.http.get(f"/_stateroom/references{path}").status_code == 401


@pytest.mark.parametrize("path", ["/check", "/orphans/remove"])
def test_only_admins_change_them(app_with, path):
    values = Values(app_with("Folder", jwt_secret="s" * 64))
    assert post(values, path, {"confirm": True})[0] == 401


def test_no_answer_shows_a_credential(values):
    values.task.set("k", envelope.wrap(SECRET_REF), facts=Facts.of(values.service.backend.name, 1))
    shown = [get(values), values.call("GET"), post(values, "/check", {})]
    values.task.delete("k")
    shown += [
        get(values),
        get(values, "/orphans"),
        post(values, "/orphans/remove", {"confirm": True}),
    ]
    assert "hunter2" not in json.dumps(shown)
    assert "***" in json.dumps(shown)


# ---------------------------------------------------------------- the terminal


@pytest.fixture
def served(tmp_path):
    """A served process with a folder."""
    environ = {"SMALL_BACKEND_ROOT": str(tmp_path / "objects"), "PYTHONPATH": os.getcwd()}
    arguments = [
        "--db",
        str(tmp_path / "served.db"),
        "--backend",
        "tests.support.backends.small.Folder",
    ]
    with ServerProcess(arguments, {**os.environ, **environ}) as process:
        yield process


@pytest.fixture
def run(served):
    def run(*arguments, **kwargs):
        return CliRunner().invoke(
            cli, ["--url", served.url, *arguments], catch_exceptions=False, **kwargs
        )

    return run


@pytest.fixture
def caller(served):
    client = StateroomClient(served.url)
    ti_id = client.call(
        "POST", "/_stateroom/task-instances", json={"dag_id": "d", "task_id": "t"}
    ).json()["id"]
    client.put = lambda key, value: client.call(
        "PUT", f"/_stateroom/values/ti/{ti_id}", params={"key": key}, json={"value": value}
    )
    client.keyspace = client.task(ti_id)
    return client


def test_the_command_lists_references(run, caller):
    assert run("references").output == "no references\n"
    caller.put("k", 1)
    result = run("references")
    assert "unchecked  tests.support.backends.small.Folder  1" in result.output
    assert result.exit_code == 0
    assert json.loads(run("--json", "references").output)[0]["key"] == "k"


def test_the_command_checks_and_fails_if_one_is_broken(run, caller):
    caller.put("k", 1)
    assert run("references", "check").exit_code == 0
    os.unlink(envelope.unwrap(caller.keyspace.get("k")))
    result = run("references", "check")
    assert result.exit_code == 1
    assert "1 missing" in result.stderr


def test_the_command_removes_orphans_once_confirmed(run, caller):
    caller.put("k", 1)
    ref = envelope.unwrap(caller.keyspace.get("k"))
    caller.keyspace.delete("k")
    assert "too young" in run("orphans", "delete", "--yes").output
    assert "removable" in run("orphans", "--older-than", "0s").output
    assert run("orphans", "delete", "--older-than", "0s").exit_code == 2
    assert os.path.exists(ref)
    assert "removed" in run("orphans", "delete", "--older-than", "0s", "--yes").output
    assert not os.path.exists(ref)


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5", "1y"])
def test_an_invalid_duration_is_refused(text):
    assert CliRunner().invoke(cli, ["orphans", "--older-than", text]).exit_code == 2


def test_the_command_lists_values_without_credentials(run, caller):
    caller.keyspace.set("k", envelope.wrap(SECRET_REF))
    output = run("list").output + run("references").output
    assert "hunter2" not in output
    assert "***" in output


def test_the_log_shows_no_credential():
    record = logging.LogRecord(
        "any", logging.WARNING, "", 1, "key %r: %s changed", ("k", SECRET_REF), None
    )
    assert "hunter2" not in MaskingFormatter("%(message)s").format(record)
