"""What the terminal says at start: right for what was started, and small enough for one screen."""

import shlex
import sys
from pathlib import Path

import pytest

from state import process
from web.server.banner import banner, stateroom

URL = "http://127.0.0.1:8103"
SECRET = {"jwt_secret": "a secret"}


def said(app, url=URL, existed=False):
    return banner(app.extensions["stateroom"], url, existed, "stateroom")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "open: anyone on this machine may do anything"),
        ({"host": "0.0.0.0", "insecure": True}, "open: anyone on the network (--insecure)"),
        (SECRET, "by token, as in Airflow; /_stateroom is for admins"),
        ({**SECRET, "open_control": True}, "/_stateroom is open to anyone on this"),
        (
            {"backend": "memory", "backend_timeout": 5},
            "memory, for the gateway; its calls time out after 5 s",
        ),
    ],
)
def test_it_says_who_may_do_what_and_where_values_go(start, settings, words):
    assert words in " ".join(said(start(**settings)).split())


@pytest.mark.parametrize(
    "settings", [{}, SECRET, {**SECRET, "all_admins": True}, {**SECRET, "open_control": True}]
)
def test_it_fits_a_small_screen(start, settings):
    lines = said(start(**settings)).splitlines()
    assert len(lines) <= 14 and max(map(len, lines)) <= 80


def test_made_up_passwords_are_printed_once_and_those_of_a_file_never(start, tmp_path):
    made_up = start(**SECRET)
    assert f"admin/{made_up.extensions['stateroom'].passwords['admin']}" in said(made_up)
    path = tmp_path / "passwords.json"
    path.write_text('{"admin": "sesame"}')
    assert "sesame" not in said(start(**SECRET, passwords_file=str(path)))


def test_another_address_stands_in_the_calls_to_try(start):
    app = start()
    app.test_client().post("/_stateroom/assets", json={"name": "orders"})
    text = said(app, "http://127.0.0.1:5000")
    assert (
        "stateroom --url http://127.0.0.1:5000 list" in text
        and "curl http://127.0.0.1:5000/api/v2/assets" in text
    )


def test_a_database_is_new_or_opened(start, tmp_path):
    app = start(db=str(tmp_path / "s.db"))
    assert "s.db (new)" in said(app) and "s.db (opened)" in said(app, existed=True)


def test_the_command_is_called_as_a_shell_here_would(monkeypatch, tmp_path):
    monkeypatch.chdir(process.service_path().parent)
    assert stateroom().endswith(" -m state") and not stateroom().startswith("cd ")
    monkeypatch.chdir(tmp_path)
    assert stateroom().startswith(f"cd {shlex.quote(str(process.service_path().parent))} && ")


def test_an_installed_one_is_called_by_its_script(monkeypatch, tmp_path):
    monkeypatch.setattr("web.server.banner.service_path", lambda: Path("/x/state/_service/app.py"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert shlex.split(stateroom()) == [str(Path(sys.executable).with_name("stateroom"))]
