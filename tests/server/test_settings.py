"""Settings: their sources; an invalid one stops the start and says what was expected."""

import pytest
from click.testing import CliRunner

from app import create_app
from state.errors import SettingError
from web.server.serve import check_exposure, command
from web.settings import SETTINGS, load

WRONG = [
    ("STATEROOM_HOST", " ", "an address"),
    ("STATEROOM_PORT", "http", "a number from 0 to 65535"),
    ("STATEROOM_PORT", "65536", "a number from 0 to 65535"),
    ("STATEROOM_PORT", "-1", "a number from 0 to 65535"),
    ("STATEROOM_LOAD_FIXTURE", "maybe", "true or false"),
    ("STATEROOM_COMPAT", "3.2", "3.3 or 3.4"),
    ("AIRFLOW__API_AUTH__JWT_SECRET", "  ", "a non-empty string"),
    ("STATEROOM_OPEN_CONTROL", "yes", "true or false"),
    ("STATEROOM_ALLOW_HOSTS", "a.example:8103", "host names between commas, without ports"),
    ("STATEROOM_ALLOW_HOSTS", "http://a.example", "host names between commas, without ports"),
    ("STATEROOM_INSECURE", "2", "true or false"),
    ("STATEROOM_DURABLE", "on", "true or false"),
    ("STATEROOM_MAX_BODY", "16 apples", "a size such as 16MiB"),
    ("STATEROOM_MAX_BODY", "0", "a size such as 16MiB"),
    ("STATEROOM_MAX_BODY", "16MB", "a size such as 16MiB"),
    ("STATEROOM_LOG_LEVEL", "loud", "debug, info, warning or error"),
    ("AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS", "a month", "a number of days"),
    ("AIRFLOW__STATE_STORE__CLEAR_ON_SUCCESS", "sometimes", "true or false"),
    ("AIRFLOW__STATE_STORE__MAX_VALUE_STORAGE_BYTES", "-1", "a number of bytes"),
    ("AIRFLOW__STATE_STORE__STATE_CLEANUP_BATCH_SIZE", "1.5", "a number of rows"),
    ("AIRFLOW__API__MAXIMUM_PAGE_LIMIT", "0", "a number of rows"),
    ("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "me:king", "name:role between commas"),
    ("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "me", "name:role between commas"),
    ("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "all", "true or false"),
]


@pytest.fixture
def runner(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return CliRunner()


@pytest.mark.parametrize(("name", "value", "expected"), WRONG)
def test_a_wrong_variable_stops_the_start(runner, name, value, expected):
    result = runner.invoke(command, obj=create_app, env={name: value})
    assert result.exit_code == 2
    assert result.output == f"stateroom: {name} is {value!r}; expected {expected}\n"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--port", "http"),
        ("--compat", "4"),
        ("--max-body", "lots"),
        ("--jwt-secret", ""),
        ("--host", ""),
        ("--db", ""),
        ("--allow-host", "a:1"),
        ("--log-level", "INFO "),
    ],
)
def test_a_wrong_option_stops_the_start(runner, option, value):
    result = runner.invoke(command, obj=create_app, args=[option, value])
    assert result.exit_code == 2
    assert result.output.startswith(f"stateroom: {option} is {value!r}; expected ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"dag_runs": [{}]}', "dag_runs[0].dag_id: Field required"),
        ('{"comment": 1}', "comment: Extra inputs"),
        (
            '{"asset_state_store": [{"asset": "a", "key": "k", "value": 1}]}',
            "there is no asset named 'a'",
        ),
    ],
)
def test_a_fixture_that_cannot_be_loaded_stops_the_start(runner, tmp_path, content, words):
    path = tmp_path / "fixture.json"
    if content is not None:
        path.write_text(content)
    result = runner.invoke(
        command, obj=create_app, args=["--fixture", str(path), "--db", ":memory:"]
    )
    assert result.exit_code == 2
    assert result.output.startswith(f"stateroom: --fixture is '{path}'; expected ")
    assert words in result.output


@pytest.mark.parametrize("content", [None, "{", "[]", '{"me": 1}'])
def test_passwords_that_cannot_be_read_stop_the_start(runner, tmp_path, content):
    path = tmp_path / "passwords.json"
    if content is not None:
        path.write_text(content)
    name = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
    result = runner.invoke(
        command, obj=create_app, args=["--db", ":memory:"], env={name: str(path)}
    )
    assert result.exit_code == 2
    assert result.output.startswith(f"stateroom: {name} is '{path}'; expected ")


def test_a_start_that_fails_leaves_no_database_behind(runner, tmp_path):
    runner.invoke(command, obj=create_app, args=["--fixture", "nope.json", "--db", "state.db"])
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- exposure

EXPOSED = [
    ({}, "--host is '0.0.0.0'; expected an address of this machine only"),
    ({"open_control": True}, "--host is"),
    (
        {"jwt_secret": "s", "open_control": True},
        "--open-control is True; expected a --host of this machine",
    ),
    (
        {"jwt_secret": "s", "all_admins": True},
        "ALL_ADMINS is True; expected a --host of this machine",
    ),
]


@pytest.mark.parametrize(("settings", "words"), EXPOSED)
def test_open_service_on_other_hosts_needs_insecure(settings, words):
    with pytest.raises(SettingError, match="127.0.0.1") as caught:
        check_exposure(load({}, {"host": "0.0.0.0", **settings}))
    assert words in str(caught.value)
    assert "--insecure" in str(caught.value)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.0.1", "stateroom.example", "127.0.0.1.example", "0"]
)
def test_every_address_but_loopback_is_beyond_this_machine(host):
    with pytest.raises(SettingError):
        check_exposure(load({}, {"host": host}))


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "127.0.0.1"},
        {"host": "127.1.2.3"},
        {"host": "::1"},
        {"host": "localhost"},
        {"host": "localhost", "jwt_secret": "s", "open_control": True, "all_admins": True},
        {"host": "0.0.0.0", "jwt_secret": "s"},
        {"host": "0.0.0.0", "insecure": True},
        {"host": "0.0.0.0", "jwt_secret": "s", "open_control": True, "insecure": True},
    ],
)
def test_settings_that_may_start(settings):
    check_exposure(load({}, settings))


def test_the_start_itself_checks_it(runner, tmp_path):
    result = runner.invoke(command, obj=create_app, args=["--host", "0.0.0.0", "--port", "0"])
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []
    assert "--jwt-secret-file, or --insecure" in result.output


# ---------------------------------------------------------------- where they come from

RIGHT = [
    ("STATEROOM_PORT", "0", "port", 0),
    ("STATEROOM_MAX_BODY", "512KiB", "max_body", 524_288),
    ("STATEROOM_MAX_BODY", " 16 mib ", "max_body", 16_777_216),
    ("STATEROOM_MAX_BODY", "1000", "max_body", 1000),
    (
        "STATEROOM_ALLOW_HOSTS",
        "A.example, b_c.example.",
        "allow_host",
        ("a.example", "b_c.example"),
    ),
    ("AIRFLOW__STATE_STORE__CLEAR_ON_SUCCESS", "True", "clear_on_success", True),
    ("AIRFLOW__STATE_STORE__CLEAR_ON_SUCCESS", "f", "clear_on_success", False),
    ("AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS", "-1", "default_retention_days", -1),
    (
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS",
        "me:Op,you:viewer",
        "users",
        (("me", "Op"), ("you", "viewer")),
    ),
    ("STATEROOM_DB", "", "db", "stateroom.db"),
]


@pytest.mark.parametrize(("variable", "text", "name", "value"), RIGHT)
def test_a_valid_variable(variable, text, name, value):
    assert load({variable: text})[name] == value


def test_option_overrides_variable_which_overrides_default():
    environ = {"STATEROOM_PORT": "1", "STATEROOM_DB": "one.db"}
    settings = load(environ, {"port": "2"})
    assert settings["port"] == 2
    assert settings["db"] == "one.db"
    assert settings["host"] == "127.0.0.1"


def test_loaded_settings_can_be_loaded_again():
    settings = load({"STATEROOM_ALLOW_HOSTS": "a.example", "STATEROOM_MAX_BODY": "1KiB"})
    assert load({}, settings) == settings


@pytest.mark.parametrize("row", [row for row in SETTINGS if row.option], ids=lambda row: row.name)
def test_help_explains_each_option_with_its_variable_and_default(runner, row):
    text = " ".join(runner.invoke(command, obj=create_app, args=["--help"]).output.split())
    assert row.flag in text
    assert row.help in text
    assert f"[env: {row.variable}; default: " in text


def test_allowed_hosts_may_be_given_one_by_one(runner, monkeypatch):
    options = {}
    monkeypatch.setattr("web.server.serve._serve", lambda _, settings: options.update(settings))
    runner.invoke(
        command,
        obj=create_app,
        args=["--allow-host", "a.example", "--allow-host", "b.example,c.example"],
    )
    assert options == {"allow_host": "a.example,b.example,c.example"}


# ---------------------------------------------------------------- the secret

SECRET = "AIRFLOW__API_AUTH__JWT_SECRET"
FILE = "STATEROOM_JWT_SECRET_FILE"


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text("of the file\n")
    return str(path)


@pytest.mark.parametrize(
    ("environ", "config", "secret", "source"),
    [
        ({}, {}, None, None),
        ({SECRET: "of the variable"}, {}, "of the variable", SECRET),
        ({SECRET: "x"}, {"jwt_secret": "of the option"}, "of the option", "--jwt-secret"),
        ({SECRET: "x"}, {"jwt_secret_file": "{file}"}, "of the file", "--jwt-secret-file"),
        ({FILE: "{file}"}, {}, "of the file", FILE),
        ({SECRET: "x", FILE: "{file}"}, {}, "x", SECRET),
        ({f"{SECRET}_CMD": "echo -n 'a secret'"}, {}, "a secret", f"{SECRET}_CMD"),
        ({f"{SECRET}_CMD": "echo secret"}, {}, "secret\n", f"{SECRET}_CMD"),
        ({SECRET: "x", f"{SECRET}_CMD": "echo y"}, {}, "x", SECRET),
    ],
)
def test_the_secret_and_where_it_came_from(secret_file, environ, config, secret, source):
    environ = {name: text.format(file=secret_file) for name, text in environ.items()}
    config = {name: text.format(file=secret_file) for name, text in config.items()}
    values = load(environ, config)
    assert values["jwt_secret"] == secret
    assert values["jwt_secret_from"] == source
    assert load(environ, values) == values


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (FILE, "nowhere", "a readable file with the secret"),
        (FILE, "/dev/null", "a non-empty string"),
        (f"{SECRET}_CMD", "false", "a command that prints the secret"),
        (f"{SECRET}_CMD", "no-such-command", "a command that prints the secret"),
        (f"{SECRET}_CMD", "true", "a non-empty string"),
        (f"{SECRET}_CMD", "echo 'unclosed", "a command that prints the secret"),
        (f"{SECRET}_SECRET", "vault/jwt", f"set {SECRET}_CMD or {FILE}"),
    ],
)
def test_a_secret_that_cannot_be_found_stops_the_start(runner, name, value, message):
    result = runner.invoke(command, obj=create_app, env={name: value})
    assert result.exit_code == 2
    assert result.output.startswith(f"stateroom: {name} is {value!r}; expected ")
    assert message in result.output
