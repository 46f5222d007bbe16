"""Logging in: names and passwords for tokens, as Airflow's simple auth manager does it."""

import json

import pytest

from state.model import tokens
from tests.support.world import CORE_TASK, SECRET, bearer
from web.logins import Logins

PASSWORDS = {"admin": "a-pass", "viewer": "v-pass", "stranger": "s-pass"}
GOOD = {"username": "admin", "password": "a-pass"}


@pytest.fixture
def client(start, tmp_path):
    path = tmp_path / "passwords.json"
    path.write_text(json.dumps(PASSWORDS))
    return start(jwt_secret=SECRET, passwords_file=str(path)).test_client()


@pytest.mark.parametrize("path", ["/auth/token", "/auth/token/cli"])
def test_a_login_gives_a_token_of_the_users_role(client, path):
    answer = client.post(path, json=GOOD)
    claims = tokens.verified(answer.json["access_token"], SECRET, tokens.CORE_AUDIENCE)
    assert answer.status_code == 201
    assert claims["sub"] == "admin"
    assert claims["role"] == "admin"
    assert client.get(CORE_TASK, headers=bearer(answer.json["access_token"])).status_code == 200


def test_a_login_lasts_a_day_and_the_command_lines_an_hour(client):
    claims = [
        tokens.unverified(client.post(path, json=GOOD).json["access_token"]) for path in PATHS
    ]
    assert [claim["exp"] - claim["iat"] for claim in claims] == [86_400, 3_600]


PATHS = ("/auth/token", "/auth/token/cli")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"username": "admin", "password": "v-pass"}, 401),
        ({"username": "nobody", "password": "a-pass"}, 401),
        ({"username": "stranger", "password": "s-pass"}, 401),
        ({"username": "op", "password": ""}, 400),
        ({"username": "admin", "password": "\ud800"}, 401),
        ({"username": "admin"}, 422),
        ({**GOOD, "more": 1}, 422),
        ([], 422),
    ],
)
def test_a_wrong_login_gives_none(client, body, status):
    answer = client.post("/auth/token", json=body)
    assert answer.status_code == status
    assert list(answer.json) == ["detail"]


def test_a_form_may_log_in_too(client):
    assert client.post("/auth/token", data=GOOD).status_code == 201


def test_other_bodies_may_not(client):
    assert (
        client.post("/auth/token", data=json.dumps(GOOD), content_type="text/plain").status_code
        == 415
    )


def test_a_login_without_credentials_needs_all_admins(client, start):
    assert client.get("/auth/token").status_code == 403
    everybody = start(jwt_secret=SECRET, all_admins=True).test_client()
    token = everybody.get("/auth/token").json["access_token"]
    assert tokens.verified(token, SECRET, tokens.CORE_AUDIENCE)["role"] == "admin"


def test_without_a_secret_any_name_and_password_will_do(start):
    client = start().test_client()
    assert client.post("/auth/token", json={"username": "me", "password": "x"}).status_code == 201
    assert client.get("/auth/token").status_code == 201


def test_with_a_secret_and_no_file_passwords_are_made_up(start):
    apps = [start(jwt_secret=SECRET).extensions["stateroom"] for _ in range(2)]
    first, second = (app.passwords["admin"] for app in apps)
    assert len(first) >= 12
    assert first != second


ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}


def wrong_logins(client, count, name="admin", **environ):
    body = {"username": name, "password": "wrong"}
    return [
        client.post("/auth/token", json=body, environ_base=environ).status_code
        for _ in range(count)
    ]


def test_passwords_cannot_be_guessed_at_leisure(client):
    assert wrong_logins(client, 5, **ELSEWHERE) == [401, 401, 401, 429, 429]
    right = {"username": "admin", "password": PASSWORDS["admin"]}
    answer = client.post("/auth/token", json=right, environ_base=ELSEWHERE)
    assert answer.status_code == 429
    assert answer.json == {"detail": "too many wrong passwords; try again in 1 s"}
    assert answer.headers["Retry-After"] == "1"


def test_a_wait_is_for_one_user_and_one_address(client):
    wrong_logins(client, 4, **ELSEWHERE)
    assert wrong_logins(client, 1, "viewer", **ELSEWHERE) == [401]
    assert wrong_logins(client, 1, REMOTE_ADDR="192.0.2.8") == [401]


def test_invented_names_push_out_no_wait(client, monkeypatch):
    monkeypatch.setattr("web.logins._MOST", 5)
    wrong_logins(client, 4, **ELSEWHERE)
    for number in range(20):
        assert wrong_logins(client, 1, f"nobody{number}", **ELSEWHERE) == [401]
    assert wrong_logins(client, 1, **ELSEWHERE) == [429]


def test_this_machine_may_try_as_often_as_it_likes(client):
    assert set(wrong_logins(client, 10)) == {401}


def test_the_waits_grow_to_a_minute(monkeypatch):
    now = 0.0
    monkeypatch.setattr("web.logins.time.monotonic", lambda: now)
    logins = Logins()
    waits = []
    for _ in range(12):
        logins.failed("admin", "a")
        waits.append(logins.wait("admin", "a"))
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    now = 61.0
    assert logins.wait("admin", "a") == 0
    logins.succeeded("admin", "a")
    logins.failed("admin", "a")
    assert logins.wait("admin", "a") == 0
