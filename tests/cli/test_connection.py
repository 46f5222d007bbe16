"""Which service a command talks to: an address, the owner of a file, a private one."""

import contextlib
import json

import click
import pytest
import requests
from click.testing import CliRunner

from state.cli.main import cli
from state.cli.shared.connection import OPTIONS
from state.process import ServerProcess
from state.store.store import Store
from state.store.tables import assets
from tests.support.space import Space
from tests.support.world import SECRET

ASSET = '{"assets": [{"id": 1, "name": "orders", "uri": "u"}]}'
APART = {"check", "completion", "demo", "exec", "proxy", "serve", "token"}


@pytest.fixture
def run():
    return lambda *arguments, **kwargs: CliRunner().invoke(cli, arguments, **kwargs)


@pytest.fixture
def database(tmp_path):
    """A file that no process serves."""
    path = str(tmp_path / "state.db")
    with contextlib.closing(Store(path)) as store:
        assets.create_asset(store.namespace(), "orders")
    return path


def leaves(group):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command)
        elif name not in APART:
            yield command


@pytest.mark.parametrize("command", list(leaves(cli)), ids=lambda command: command.name)
def test_the_options_may_follow_every_commands_name(command):
    assert [option for option in OPTIONS if option not in command.params] == []


def test_options_stand_before_the_name_or_after_it(run, database):
    assert run("--db", database, "set", "k", "1", "--asset", "orders").exit_code == 0
    after = run("list", "--json", "--db", database)
    before = run("--json", "--db", database, "list")
    assert json.loads(after.output) != []
    assert json.loads(after.output) == json.loads(before.output)


@pytest.mark.parametrize(
    "arguments", [("--url", "u", "list", "--db", "f"), ("list", "--url", "u", "--db", "f")]
)
def test_an_address_and_a_file_exclude_each_other(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "use --url or --db, not both" in result.output


def test_a_file_wins_over_the_address_in_the_environment(run, database):
    assert run("list", "--db", database, env={"STATEROOM_URL": "http://127.0.0.1:9"}).exit_code == 0


@pytest.mark.parametrize("url", ["foo", "127.0.0.1:8103", "http://"])
def test_an_invalid_address_is_reported(run, url):
    result = run("list", "--url", url)
    assert result.exit_code == 2
    assert "write one such as http://127.0.0.1:8103" in result.output


def test_an_answer_of_another_service_is_reported(run, monkeypatch):
    page = requests.Response()
    page.status_code = 200
    page._content = b"<html>"
    monkeypatch.setattr("requests.Session.request", lambda *_, **__: page)
    result = run("ready", "--url", "http://a.example")
    assert result.exit_code == 10
    assert "is not JSON; is it a Stateroom?" in result.output


def test_a_namespace_is_an_address(run, served):
    space = Space(served.url, "atlas")
    assert run("import", "-", "--url", space.url, input=ASSET).exit_code == 0
    assert run("set", "k", "1", "--asset", "orders", "--url", space.url).exit_code == 0
    assert run("get", "k", "--asset", "orders", "--url", space.url).output == "1\n"
    assert run("get", "k", "--asset", "orders", "--url", served.url).exit_code == 1
    assert "atlas" in run("list", "--url", f"{served.url}/ns/altas").output
    space.drop()


def test_a_missing_token_is_reported_with_what_to_do(run):
    with ServerProcess(["--db", ":memory:", "--jwt-secret", SECRET]) as service:
        result = run("list", "--url", service.url)
        token = run("token", "--role", "admin", "--jwt-secret", SECRET).output.strip()
        assert run("list", "--url", service.url, "--token", token).exit_code == 0
    assert result.exit_code == 10
    assert "stateroom token --role admin" in result.output


def test_a_private_service_answers_to_its_command_only(run, database, monkeypatch):
    seen = []
    monkeypatch.setenv("STATEROOM_HOST", "0.0.0.0")
    monkeypatch.setattr(
        "state.cli.shared.connection.ServerProcess",
        lambda *given: seen.append(given) or ServerProcess(*given),
    )
    assert run("list", "--db", database).exit_code == 0
    ((arguments, environ),) = seen
    assert "127.0.0.1" in arguments
    assert "STATEROOM_HOST" not in environ
    assert len(environ["AIRFLOW__API_AUTH__JWT_SECRET"]) == 64


@pytest.mark.slow
def test_a_private_service_sees_the_secrets_of_documents(run, tmp_path, monkeypatch):
    connection = {
        "conn_id": "pg",
        "conn_type": "postgres",
        "password": {"$env": "STATEROOM_CONN_PG_PASSWORD"},
    }
    document = json.dumps({"connections": [connection]})
    database = str(tmp_path / "secrets.db")
    missing = run("import", "-", "--db", database, input=document)
    assert missing.exit_code == 10
    assert "STATEROOM_CONN_PG_PASSWORD is not set" in missing.output
    monkeypatch.setenv("STATEROOM_CONN_PG_PASSWORD", "correct-horse")
    assert run("import", "-", "--db", database, input=document).exit_code == 0
    exported = json.loads(run("export", "--db", database).output)
    assert exported["connections"] == [connection]
    exported = json.loads(run("export", "--with-secrets", "--db", database).output)
    assert exported["connections"] == [{**connection, "password": "correct-horse"}]


@pytest.mark.slow
def test_a_private_service_knows_further_names_of_secrets(run, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES", "iban")
    document = json.dumps({"variables": [{"key": "my_iban", "value": "DE00"}]})
    database = str(tmp_path / "secrets.db")
    assert run("import", "-", "--db", database, input=document).exit_code == 0
    exported = json.loads(run("export", "--db", database).output)
    assert exported["variables"][0]["value"] == {"$env": "STATEROOM_VAR_MY_IBAN"}


def test_ready_asks_the_owner_of_a_file_and_starts_no_service(run, database):
    result = run("ready", "--db", database)
    assert result.exit_code == 11
    assert result.output == f"stateroom: no service is running for {database}\n"
    with ServerProcess(["--db", database]) as service:
        assert run("ready", "--db", database, "--wait", "5").output == f"healthy: {service.url}\n"
