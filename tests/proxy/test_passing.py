"""What is not a call on state goes to the upstream and back, unchanged."""

import time

import pytest
import requests

from state.model import tokens
from tests.support.connections import PATIENCE, running
from tests.support.world import SECRET, TASK_KEY, TI, WORLD, admin, bearer
from web.server.lanes import PASSED_THREADS

WORKER = bearer(tokens.for_task_instance(SECRET, TI))


def test_method_query_and_status_are_passed_on(proxy):
    answer = requests.delete(f"{proxy.url}/echo?a=%20b&a=c")
    assert answer.status_code == 201
    assert answer.text == "/echo?a=%20b&a=c"
    assert answer.headers["X-Method"] == "DELETE"


@pytest.mark.parametrize("path", ["/echo/a%2Fb%3F/c", "/echo/./a//b", "/echo/%E9%FF"])
def test_a_path_is_passed_on_as_it_was_written(proxy, connect, path):
    status, _, body = connect(proxy).send("GET", path).answer()
    assert status == 201
    assert body.decode() == path


@pytest.mark.parametrize("path", ["/api/v2/version", "/execution/health", "/login", "/"])
def test_what_the_service_could_answer_is_passed_on_too(proxy, upstream, path):
    assert requests.get(proxy.url + path).status_code == 404
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "path", ["/_stateroom/health", "/_stateroom/pages/", "/ns/other/echo", TASK_KEY]
)
def test_what_is_staterooms_own_is_not_passed_on(proxy, upstream, path):
    requests.get(proxy.url + path)
    assert upstream.requests == []


def test_a_report_without_a_token_asks_nothing_else(proxy, upstream):
    requests.patch(f"{proxy.url}/execution/task-instances/{TI}/state", json={"state": "failed"})
    assert len(upstream.requests) == 1


def test_headers_are_passed_on_but_those_of_a_connection(proxy, upstream, upstream_url, connect):
    connect(proxy).send(
        "GET", "/echo", "X-Own: é", "Connection: keep-alive, X-Hop", "X-Hop: 1", "TE: trailers"
    ).answer()
    headers, _ = upstream.requests[-1]
    assert headers["X-Own"] == "é"
    assert headers["Host"] == upstream_url.removeprefix("http://")
    assert "X-Hop" not in headers
    assert "TE" not in headers


def test_an_answer_that_is_read_here_is_not_compressed(proxy, upstream):
    for path in ("/echo", "/execution/task-instances/1/run"):
        requests.patch(proxy.url + path, headers={"Accept-Encoding": "gzip"})
    encodings = [headers["Accept-Encoding"] for headers, _ in upstream.requests]
    assert encodings == ["gzip", "identity"]


def test_a_request_without_a_body_says_so(proxy, upstream, connect):
    connect(proxy).send("POST", "/echo").answer()
    headers, length = upstream.requests[-1]
    assert headers["Content-Length"] == "0"
    assert length == 0


@pytest.mark.parametrize("size", [1, 90_000])
def test_a_body_is_passed_on(proxy, upstream, size):
    requests.put(f"{proxy.url}/echo", data=b"x" * size)
    assert upstream.requests[-1][1] == size


def test_a_chunked_body_is_passed_on_with_its_length(proxy, upstream):
    requests.put(f"{proxy.url}/echo", data=iter([b"one", b"two"]))
    headers, length = upstream.requests[-1]
    assert headers["Content-Length"] == "6"
    assert length == 6


def test_each_cookie_is_kept_and_the_connections_headers_are_not(proxy):
    answer = requests.get(f"{proxy.url}/cookies")
    assert answer.status_code == 401
    assert answer.raw.headers.getlist("Set-Cookie") == ["a=1; Path=/", "b=2"]
    assert "Keep-Alive" not in answer.headers


def test_a_redirect_to_the_upstream_leads_to_the_proxy(proxy, upstream_url):
    url = f"{proxy.url}/redirect"
    answer = requests.get(url, {"to": f"{upstream_url}/a?b"}, allow_redirects=False)
    assert answer.headers["Location"] == f"{proxy.url}/a?b"


@pytest.mark.parametrize("location", ["/a?b", "https://elsewhere.example/a"])
def test_any_other_redirect_stays_as_it_is(proxy, location):
    answer = requests.get(f"{proxy.url}/redirect", {"to": location}, allow_redirects=False)
    assert answer.headers["Location"] == location


def test_a_stream_is_passed_on_part_by_part(proxy, upstream):
    with requests.get(f"{proxy.url}/halves", stream=True, timeout=5) as answer:
        parts = answer.iter_content(None)
        assert next(parts) == b"first\n"
        upstream.go.set()
        assert next(parts) == b"second\n"


def test_an_answer_that_breaks_off_breaks_off_here_too(proxy):
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{proxy.url}/broken")


def test_head_has_no_body_and_keeps_the_headers(proxy, connect):
    connection = connect(proxy).send("HEAD", "/echo")
    _, headers, _ = connection.answer(head=True)
    assert headers["content-type"]
    connection.send("GET", "/echo", "Connection: close")
    assert connection.answer()[0] == 201


def test_head_of_a_stream_has_no_last_chunk(proxy, connect):
    connection = connect(proxy).send("HEAD", "/halves")
    assert connection.answer(head=True)[0] == 200
    assert connection.is_closed()


def test_a_websocket_is_refused_with_a_sentence(proxy, connect):
    head = ("Upgrade: websocket", "Connection: Upgrade")
    status, _, body = connect(proxy).send("GET", "/echo", *head).answer()
    assert status == 400
    assert b"WebSockets are not passed on" in body


def test_a_foreign_host_is_refused(client):
    answer = client.get("/echo", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert answer.json["detail"]["reason"] == "host_not_allowed"


def test_an_upstream_that_is_too_slow_is_504(proxy):
    answer = requests.get(f"{proxy.url}/slow?seconds=1")
    assert answer.status_code == 504
    assert "did not answer within 0.5 seconds" in answer.json()["detail"]["message"]


def test_an_upstream_that_is_away_is_502(start):
    client = start(upstream="http://127.0.0.1:9", jwt_secret="s").test_client()
    answer = client.get("/api/v2/version")
    assert answer.status_code == 502
    message = answer.json["detail"]["message"]
    assert message.startswith("the Airflow at http://127.0.0.1:9 cannot be reached: ")
    assert "Connection refused" in message


def test_a_connection_that_the_upstream_closed_is_not_used_again(proxy, upstream_url):
    assert requests.get(f"{proxy.url}/echo").status_code == 201
    time.sleep(0.1)
    assert requests.post(f"{proxy.url}/echo").status_code == 201


def test_calls_on_known_state_do_not_wait_for_the_upstream(start, upstream, upstream_url, connect):
    app = start(upstream=upstream_url, jwt_secret=SECRET, upstream_timeout=PATIENCE)
    app.test_client().put("/_stateroom/fixture", json=WORLD, headers=admin())
    with running(app) as server:
        waiting = [connect(server).send("GET", "/waits") for _ in range(PASSED_THREADS + 1)]
        answer = requests.get(server.url + TASK_KEY, headers=WORKER, timeout=PATIENCE / 2)
        assert answer.json()["value"] == "job-42"
        upstream.go.set()
        assert waiting[-1].answer()[0] == 200


def test_calls_of_workers_do_not_wait_for_those_of_people(start, upstream, upstream_url, connect):
    app = start(upstream=upstream_url, jwt_secret=SECRET, upstream_timeout=PATIENCE)
    with running(app) as server:
        waiting = [connect(server).send("GET", "/waits") for _ in range(PASSED_THREADS + 1)]
        url = f"{server.url}/execution/task-instances/{TI}/heartbeat"
        answer = requests.put(url, json={}, timeout=PATIENCE / 2)
        assert answer.status_code == 404  # the upstream's
        upstream.go.set()
        assert waiting[-1].answer()[0] == 200


def test_pages_have_an_address_of_their_own(start, upstream_url):
    client = start(upstream=upstream_url, jwt_secret="s", open_control=True).test_client()
    page = client.get("/_stateroom/pages/")
    assert page.status_code == 200
    assert 'href="/_stateroom/pages/journal"' in page.text
    assert "http://localhost/execution/" in page.text
    with client.get("/_stateroom/pages/static/style.css") as style:
        assert style.status_code == 200


def test_the_cookie_of_the_pages_is_not_sent_to_the_upstream(start, upstream_url):
    client = start(upstream=upstream_url, jwt_secret="s", open_control=True).test_client()
    answer = client.get("/_stateroom/pages/bench")
    assert "Path=/_stateroom/pages" in answer.headers["Set-Cookie"]


def test_nor_is_that_of_the_pages_of_another_namespace(start, upstream_url):
    client = start(upstream=upstream_url, jwt_secret="s", open_control=True).test_client()
    client.post("/_stateroom/namespaces", json={"name": "other"})
    answer = client.get("/ns/other/bench")
    assert answer.status_code == 200
    attributes = answer.headers["Set-Cookie"].split("; ")
    assert "Path=/ns" in attributes
