"""The settings of a proxy, its command, and what the start-up lines say."""

import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.errors import SettingError
from tests.support.connections import refusal, running
from web.server.banner import banner

AWAY = "http://127.0.0.1:9"
ADDRESS = "http://127.0.0.1:8103"


def lines_of(app):
    """The start-up lines, without their breaks."""
    service = app.extensions["stateroom"]
    return " ".join(banner(service, ADDRESS, False, "stateroom", app.front).split())


@pytest.mark.parametrize(
    "url", ["airflow:8080", "ftp://airflow", "http://a/prefix", "http://me:pw@a", "http://"]
)
def test_an_upstream_is_an_address_without_a_path(url):
    status, line = refusal("--db", ":memory:", "--upstream", url)
    assert status == 2
    assert "expected an address such as http://airflow:8080" in line


def test_something_has_to_open_the_core_api(start):
    with pytest.raises(SettingError, match="the secret of that Airflow too"):
        start(upstream=AWAY)


def test_a_user_needs_a_password(start):
    with pytest.raises(SettingError, match="STATEROOM_UPSTREAM_PASSWORD"):
        start(upstream=AWAY, upstream_user="admin")


def test_proxy_needs_an_upstream():
    result = CliRunner().invoke(cli, ["proxy"])
    assert result.exit_code == 2
    assert "give --upstream, the address of an Airflow" in result.stderr


def test_the_start_up_lines_say_what_is_behind_and_unseen(start):
    with running(start()) as airflow:
        lines = lines_of(start(upstream=airflow.url, jwt_secret="s"))
    assert f"upstream Airflow 3.3.2 at {airflow.url}, which gets all calls but those" in lines
    assert "unseen Airflow's command line, the scheduler's own passes, the triggerer;" in lines
    assert f"page {ADDRESS}/_stateroom/pages/ in a browser" in lines


def test_the_start_up_lines_say_that_the_upstream_is_away(start):
    lines = lines_of(start(upstream=AWAY, jwt_secret="s"))
    assert f"upstream the Airflow at {AWAY} cannot be reached: " in lines
    assert "calls that are passed on fail until it does" in lines
    assert "unseen Airflow's command line" in lines


def test_the_start_up_lines_say_what_is_open_without_the_secret(start):
    sentence = (
        "the Airflow's login does not guard what is answered here: all state, and /_stateroom"
    )
    user = {"upstream_user": "admin", "upstream_password": "secret"}
    assert sentence in lines_of(start(upstream=AWAY, **user))
    assert sentence not in lines_of(start(upstream=AWAY, jwt_secret="s", **user))


def test_nobody_is_told_to_log_in_here(start):
    lines = lines_of(start(upstream=AWAY, jwt_secret="s", all_admins=True))
    assert "/auth/token" not in lines
    assert "stateroom token --role admin" in lines
