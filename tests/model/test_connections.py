"""Connections as URIs and as JSON."""

import pytest

from state.run.connections import connection


@pytest.mark.parametrize(
    ("uri", "members"),
    [
        ("fs://", {"conn_type": "fs", "host": "", "schema": ""}),
        ("hive-cli://Host", {"conn_type": "hive_cli", "host": "host", "schema": ""}),
        (
            "postgresql://me:p%40ss@db:5432/my%20shop?sslmode=require&empty=",
            {
                "conn_type": "postgres",
                "host": "db",
                "schema": "my shop",
                "login": "me",
                "password": "p@ss",
                "port": 5432,
                "extra": '{"sslmode": "require", "empty": ""}',
            },
        ),
        (
            "http://https://api:443/v2",
            {"conn_type": "http", "host": "https://api", "schema": "v2", "port": 443},
        ),
        (
            "aws://KEY:sec%2Fret@/?region_name=eu-west-1",
            {
                "conn_type": "aws",
                "host": "",
                "schema": "",
                "login": "KEY",
                "password": "sec/ret",
                "extra": '{"region_name": "eu-west-1"}',
            },
        ),
        (
            "spark://local%5B*%5D?__extra__=%7B%22queue%22%3A+1%7D",
            {"conn_type": "spark", "host": "local[*]", "schema": "", "extra": '{"queue": 1}'},
        ),
    ],
)
def test_a_uri_is_read_as_the_task_sdk_reads_it(uri, members):
    assert connection("c", uri) == {"conn_id": "c", **members}


def test_json_and_members_are_taken():
    members = {"conn_type": "http", "extra": '{"a": 1}'}
    assert connection("c", '{"conn_type": "http", "extra": {"a": 1}}') == {
        "conn_id": "c",
        **members,
    }
    assert connection("c", members) == {"conn_id": "c", **members}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hunter2", "neither a URI nor a JSON object"),
        ("://hunter2", "neither a URI nor a JSON object"),
        ("http://host:hunter2", "Port could not be"),
        ('{"password": "hunter2"', "not JSON"),
        ('{"password": "hunter2"}', "no conn_type"),
        ('{"conn_type": "http", "passwd": "hunter2"}', "unknown member 'passwd'"),
        (5, "it is of the type int"),
        (None, "it is of the type NoneType"),
    ],
)
def test_an_invalid_connection_says_how_to_write_one(text, words):
    with pytest.raises(ValueError, match=rf"invalid connection 'c': .*{words}.*; write a URI"):
        connection("c", text)


@pytest.mark.parametrize("text", ["hunter2", '{"password": "hunter2"', "http://[hunter2"])
def test_an_error_does_not_repeat_a_secret(text):
    with pytest.raises(ValueError) as raised:
        connection("c", text)
    assert "hunter2" not in str(raised.value)
