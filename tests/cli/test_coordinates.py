"""Task instances are named by as little as tells them apart; a miss says what is alike."""

import json

import pytest

RUN = "scheduled__2026-01-02T00:00:00+00:00"
OLDER = "scheduled__2026-01-01T00:00:00+00:00"
SUBMIT = "01920000-0000-7000-8000-000000000002"


@pytest.mark.parametrize(
    "where",
    [
        ["--task", "submit"],  # two fit, of which one has the key
        ["--task", "submit", "--run", "latest"],
        ["--task", "submit", "--run", "2026-01-02"],
        ["--dag", "etl", "--run", RUN, "--task", "submit"],
        ["--run", "latest", "--map-index", "-1"],
        ["--ti", SUBMIT],
    ],
)
@pytest.mark.parametrize("command", ["get", "explain", "history", "delete"])
def test_a_key_is_found_by_what_tells_its_task_instance(fresh, command, where):
    result = fresh(command, "job_id", *where)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "command", [["set", "k", "1"], ["get", "nope"], ["clear"], ["explain", "nope"]]
)
def test_several_that_fit_are_listed_with_their_options(fresh, command):
    result = fresh(*command, "--task", "submit")
    assert result.exit_code == 2
    assert result.output.splitlines() == [
        "Error: 2 task instances fit; add one of",
        f"  --run {RUN}",
        f"  --run {OLDER}",
    ]


def test_options_that_tell_nothing_apart_are_not_listed(fresh):
    lines = fresh("set", "k", "1", "--task", "load").output.splitlines()
    assert lines[1:] == ["  --map-index 0", "  --map-index 1"]


def test_the_journal_shows_all_task_instances_that_fit(fresh):
    for index in ("0", "1"):
        fresh("set", "fits", index, "--task", "load", "--map-index", index)
    fresh("set", "fits", "2", "--task", "submit", "--run", "latest")
    lines = fresh("journal", "--key", "fits", "--task", "load", "--op", "set").output.splitlines()
    scopes = [line.split("  ")[3] for line in lines[1:]]
    assert scopes == [f"etl/load[{index}] @ {RUN}" for index in (0, 1)]
    assert len(fresh("--json", "journal", "--key", "fits", "--dag", "etl").output.splitlines()) == 3


def test_the_journal_of_several_without_an_event_is_empty(fresh):
    result = fresh("journal", "--task", "load", "--op", "clear")
    assert result.exit_code == 0
    assert result.output == "no events match\n"


def test_the_latest_run_is_the_newest_of_its_dag(fresh):
    fresh("set", "k", '"old"', "--task", "submit", "--run", OLDER)
    rows = json.loads(fresh("--json", "list", "--run", "latest").output)
    assert {row["run_id"] for row in rows} == {RUN}


def test_a_whole_run_id_means_no_other_that_contains_it(fresh):
    for run_id in ("r", "r2"):
        fresh("tasks", "create", "--dag", "d", "--task", "t", "--run", run_id)
    rows = json.loads(fresh("--json", "tasks", "--dag", "d", "--run", "r").output)
    assert [row["run_id"] for row in rows] == ["r"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["get", "job_idd", "--ti", SUBMIT], "not found: did you mean 'job_id'?"),
        (
            ["get", "progress", "--task", "load", "--map-index", "1"],
            "not found: the same task has it for map index 0",
        ),
        (["delete", "job_idd", "--ti", SUBMIT], "not found: did you mean 'job_id'?"),
        (["history", "job_idd", "--ti", SUBMIT], "not found: did you mean 'job_id'?"),
        (["get", "watermark", "--asset", "order"], "no asset 'order'; did you mean 'orders'?"),
        (["list", "--dag", "nope"], "no Dag 'nope'; there is 'etl'"),
        (["list", "--task", "submitt"], "no task 'submitt'; did you mean 'submit'?"),
        (["list", "--asset", "order"], "no asset 'order'; did you mean 'orders'?"),
        (["list", "--map-index", "7"], "no map index 7; there is '-1', '0', '1'"),
        (["tasks", "--run", "2025"], "no run '2025'; there is"),
        (["tasks", "--ti", SUBMIT.replace("2", "f")], "no attempt has the id"),
        (["set", "k", "1", "--dag", "d", "--run", "r", "--task", "t"], "no Dag 'd'"),
        (["journal", "--dag", "nope"], "no Dag 'nope'"),
        (["journal", "--dag", "nope", "--run", "r", "--task", "t"], "no Dag 'nope'"),
        (["journal", "--asset", "order"], "no asset 'order'; did you mean 'orders'?"),
        (["journal", "--key", "jobid"], "no event of a key 'jobid'; did you mean 'job_id'?"),
        (["snapshots", "show", "on"], "snapshot 'on' not found"),
        (["faults", "show", "7"], "there is no fault 7; there are none"),
    ],
)
def test_a_miss_ends_with_1_and_what_is_alike(fresh, arguments, words):
    result = fresh(*arguments)
    assert result.exit_code == 1
    assert words in result.output


def test_of_many_assets_all_are_compared_with_a_misspelt_name(fresh, tmp_path):
    names = [*(f"a{number}" for number in range(150)), "watermarks"]
    assets = [{"id": 1000 + number, "name": name, "uri": name} for number, name in enumerate(names)]
    document = tmp_path / "many.json"
    document.write_text(json.dumps({"assets": assets}))
    assert fresh("import", str(document)).exit_code == 0
    result = fresh("get", "k", "--asset", "watermark")
    assert result.output.endswith("no asset 'watermark'; did you mean 'watermarks'?\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["journal", "--op", "sett"], "'sett' is none; did you mean 'set'"),
        (["clock", "freeze", "tomorrow"], "invalid time 'tomorrow'; write 2030-01-01T00:00:00Z"),
        (["history", "k", "--ti", SUBMIT, "--at", "noon"], "invalid time 'noon'"),
        (["get", "k", "--ti", SUBMIT, "--dag", "etl"], "not both"),
    ],
)
def test_a_misspelt_word_is_a_usage_error_with_those_alike(fresh, arguments, words):
    result = fresh(*arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_an_instance_without_keys_is_not_a_miss(fresh):
    result = fresh("list", "--task", "load", "--map-index", "1")
    assert result.exit_code == 0
    assert result.output.startswith("no keys match")


def test_no_message_names_a_part_of_a_request(fresh):
    assert fresh("faults", "create").output.startswith("stateroom: name an effect")
