"""A namespace of a served Stateroom, filled through its APIs."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import requests

RUN = "scheduled__2026-01-01T00:00:00+00:00"
EXTRACT = {"dag_id": "etl", "run_id": RUN, "task_id": "extract"}
START = "2026-01-01T10:00:00Z"


def log_with(text):
    """The log of a task in which a text stands everywhere."""
    record = {"timestamp": START, "logger": text, "member": text}
    error = {"exc_type": text, "exc_value": text, "frames": [{"filename": text, "name": text}]}
    levels = ("debug", "info", "warning", "error", "critical")
    records = [
        {"event": "::group::Pre Execute", **record},
        *({"level": level, "event": text, **record} for level in levels),
        {"event": "::endgroup::", **record},
        *({"level": level, "event": f"{text}\n  {text}", **record} for level in levels),
        {"level": "error", "event": "failed", "error_detail": [error] * 2, **record},
    ]
    return {"records": records, "left_out": 3}


class Space:
    """One namespace.

    :param base: the service's address.
    """

    def __init__(self, base, name, headers=None):
        self.base = base
        self.name = name
        self.url = f"{base}/ns/{name}"
        self.http = requests.Session()
        self.http.headers.update(headers or {})
        self.http.post(f"{base}/_stateroom/namespaces", json={"name": name}).raise_for_status()

    def last_event(self):
        """The number of the newest event of the journal."""
        return self._json("GET", "/_stateroom/journal?limit=1")["last"]

    def drop(self):
        self.http.delete(f"{self.base}/_stateroom/namespaces/{self.name}").raise_for_status()
        self.http.close()

    def task(self, task_id="extract", map_index=-1, run_id=RUN, dag_id="etl"):
        """Create an attempt and return its id."""
        scope = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
        return self._json("POST", "/_stateroom/task-instances", json=scope)["id"]

    def asset(self, name="orders", uri=None):
        """Create an asset and return its id."""
        return self._json(
            "POST", "/_stateroom/assets", json={"name": name, "uri": uri or f"s3://bucket/{name}"}
        )["id"]

    def put(self, ti_id, key, value):
        """Store through the gateway: the row gets a reference."""
        self._json(
            "PUT", f"/_stateroom/values/ti/{ti_id}?{urlencode({'key': key})}", json={"value": value}
        )

    def write(self, ti_id, key, value, **more):
        """Store as it is, as a worker without a backend would."""
        self._json(
            "PUT",
            f"/execution/store/ti/{ti_id}/{quote(key, safe='')}",
            json={"value": value, **more},
        )

    def share(self, text):
        """Create a variable and a connection whose members are this text."""
        variable = {"key": text, "value": text, "description": text}
        members = ("conn_id", "conn_type", "host", "schema", "login", "password", "description")
        connection = {**dict.fromkeys(members, text), "port": 5432}
        document = {"variables": [variable], "connections": [connection]}
        self._json("PUT", "/_stateroom/fixture", json=document)

    def run(self, task_id, text):
        """Run the first attempts of mapped task instances, which have this text everywhere: of the
        second one with an error, a retry, and a log that has lost its beginning.
        """
        for index in range(2):
            ti_id = self.task(task_id, index)
            place = {**EXTRACT, "task_id": task_id, "map_index": index}
            queued = {**place, "id": ti_id, "state": "queued", "max_tries": 1}
            self._json("PUT", "/_stateroom/fixture", json={"task_instances": [queued]})
            path = f"/execution/task-instances/{ti_id}"
            worker = {"hostname": text, "unixname": text, "pid": 7, "start_date": START}
            self._json("PATCH", f"{path}/run", json={"state": "running", **worker})
            self._json("PUT", f"{path}/rtif", json={text: text, "rows": [text] * 3})
            values = {text: text, "report": {text: [text] * 20}, "large": "x" * 100_000}
            xcoms = [{**place, "key": key, "value": value} for key, value in values.items()]
            self._json("PUT", "/_stateroom/fixture", json={"xcoms": xcoms})
            self.write(ti_id, text, text)
            self._json("POST", f"/_stateroom/task-instances/{ti_id}/log", json=log_with(text))
        retry = {"state": "up_for_retry", "end_date": START}
        self._json("PATCH", f"{path}/state", json=retry)

    def read(self, ti_id, key):
        """Return the value as a task would read it."""
        return self._json("GET", f"/_stateroom/values/ti/{ti_id}?{urlencode({'key': key})}")[
            "value"
        ]

    def stored(self, ti_id, key):
        """Return the value in the row."""
        return self._json("GET", f"/execution/store/ti/{ti_id}/{quote(key, safe='')}")["value"]

    def _json(self, method, path, **kwargs):
        answer = self.http.request(method, self.url + path, **kwargs)
        assert answer.status_code < 300, answer.text
        if answer.status_code == 204:
            return None
        return answer.json()

    def task_page(self, **scope):
        return f"{self.url}/task?{urlencode({**EXTRACT, **scope})}"

    def key_page(self, key, **scope):
        return f"{self.url}/key?{urlencode({**EXTRACT, **scope, 'key': key})}"
