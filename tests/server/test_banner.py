"""The banner printed at start: correct for the settings, and fits one screen."""

import errno
import shlex
import sys

import pytest

from state import process
from web.server.banner import banner, stateroom

URL = "http://127.0.0.1:8103"
SECRET = {"jwt_secret": "a secret"}


def banner_of(app, url=URL, existed=False):
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
def test_it_shows_access_rules_and_storage(start, settings, words):
    assert words in " ".join(banner_of(start(**settings)).split())


@pytest.mark.parametrize(
    "settings", [{}, SECRET, {**SECRET, "all_admins": True}, {**SECRET, "open_control": True}]
)
def test_it_fits_a_small_screen(start, settings):
    lines = banner_of(start(**settings)).splitlines()
    assert len(lines) <= 14
    assert max(map(len, lines)) <= 80


def test_generated_passwords_are_printed_once_others_never(start, tmp_path):
    made_up = start(**SECRET)
    assert f"admin/{made_up.extensions['stateroom'].passwords['admin']}" in banner_of(made_up)
    path = tmp_path / "passwords.json"
    path.write_text('{"admin": "sesame"}')
    assert "sesame" not in banner_of(start(**SECRET, passwords_file=str(path)))


def test_another_address_stands_in_the_calls_to_try(start):
    app = start()
    app.test_client().post("/_stateroom/assets", json={"name": "orders"})
    text = banner_of(app, "http://127.0.0.1:5000")
    assert "stateroom --url http://127.0.0.1:5000 list" in text
    assert "curl http://127.0.0.1:5000/api/v2/assets" in text


def test_a_database_is_new_or_opened(start, tmp_path):
    app = start(db=str(tmp_path / "s.db"))
    assert "s.db (new)" in banner_of(app)
    assert "s.db (opened)" in banner_of(app, existed=True)


@pytest.fixture
def python(monkeypatch, tmp_path):
    """The running Python, in an environment that has no script of ours yet."""
    python = tmp_path / "an environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(python))
    return python


def test_a_checkout_that_is_not_installed_is_called_as_a_module(monkeypatch, tmp_path, python):
    folder = process.service_path().parent
    monkeypatch.chdir(folder)
    assert stateroom() == f"{shlex.quote(str(python))} -m state"
    monkeypatch.chdir(tmp_path)
    assert stateroom() == f"cd {shlex.quote(str(folder))} && {shlex.quote(str(python))} -m state"


def test_an_installed_one_is_called_by_its_script(monkeypatch, tmp_path, python):
    script = python.with_name("stateroom")
    script.touch(0o755)
    monkeypatch.setenv("PATH", str(script.parent))
    assert stateroom() == "stateroom"
    monkeypatch.setenv("PATH", "")
    assert stateroom() == shlex.quote(str(script))
    monkeypatch.chdir(tmp_path)
    assert stateroom() == "'an environment/bin/stateroom'"


def test_it_shows_where_the_secret_came_from(start):
    assert "secret from --jwt-secret" in " ".join(
        banner_of(start(jwt_secret=SECRET["jwt_secret"])).split()
    )
    assert "secret from" not in " ".join(banner_of(start()).split())


def test_it_says_that_the_disk_is_nearly_full(start, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", refuse)
    text = " ".join(banner_of(start(db=str(tmp_path / "s.db"))).split())
    assert f"note {tmp_path}/s.db-reserve could not be kept (No space left on device)" in text
