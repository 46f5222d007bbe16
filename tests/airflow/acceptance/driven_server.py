"""The driver's own view of the server: seeding, and GETs on the state endpoints."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
import uuid
from urllib.parse import quote, urlencode

from seeding import ASSETS, DAG_ID, RUN_ID, SHIPPED, TASKS, check, ti_id


def queued(dag_id: str, task_id: str, map_index: int, max_tries: int) -> dict:
    """A task instance that may run, as the fixture document has it."""
    return {
        "id": ti_id(task_id, map_index, dag_id=dag_id),
        "dag_id": dag_id,
        "run_id": RUN_ID,
        "task_id": task_id,
        "map_index": map_index,
        "state": "queued",
        "try_number": 1,
        "max_tries": max_tries,
    }


class Server:
    """The driver's own view of the server: seeding, and GETs on the state endpoints."""

    def __init__(self, base_url: str, execution_path: str, args):
        self.base = base_url.rstrip("/")
        self.exec = self.base + "/" + execution_path.strip("/")
        self.args = args
        self.rich = True
        self.tis: dict[str, dict] = {}
        for task, (indexes, max_tries) in TASKS.items():
            for mi in indexes:
                self.tis[f"{task}[{mi}]"] = queued(DAG_ID, task, mi, max_tries)
        for dag_id, task, indexes, max_tries, _file in SHIPPED:
            for mi in indexes:
                self.tis[f"{dag_id}.{task}[{mi}]"] = queued(dag_id, task, mi, max_tries)

    def token(self, sub: str, scope: str = "execution") -> str:
        if self.args.static_token is not None:
            return self.args.static_token
        now = int(time.time())

        def enc(b: bytes) -> str:
            return base64.urlsafe_b64encode(b).rstrip(b"=").decode()

        head = enc(json.dumps({"alg": "HS512", "typ": "JWT"}).encode())
        claims = {
            "sub": sub,
            "scope": scope,
            "aud": "urn:airflow.apache.org:task",
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "jti": uuid.uuid4().hex,
        }
        body = enc(json.dumps(claims).encode())
        sig = hmac.new(
            self.args.jwt_secret.encode(), f"{head}.{body}".encode(), hashlib.sha512
        ).digest()
        return f"{head}.{body}.{enc(sig)}"

    def call(self, method: str, url: str, body=None, token: str | None = None):
        req = urllib.request.Request(url, method=method)
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            req.add_header("content-type", "application/json")
        if token:
            req.add_header("authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(req, data=data, timeout=10) as resp:
                raw, status = resp.read(), resp.status
        except urllib.error.HTTPError as e:
            raw, status = e.read(), e.code
        try:
            return status, json.loads(raw) if raw else None
        except ValueError:
            return status, raw.decode("utf-8", "replace")

    # ---- seeding
    def document(self, rich: bool | None = None) -> dict:
        rich = self.rich if rich is None else rich
        tis = [dict(t) for t in self.tis.values()]
        runs = [{"dag_id": d, "run_id": RUN_ID} for d in sorted({t["dag_id"] for t in tis})]
        if rich:
            for run in runs:
                run |= {
                    "run_type": "manual",
                    "state": "running",
                    "logical_date": "2026-01-01T00:00:00Z",
                    "run_after": "2026-01-01T00:00:00Z",
                    "start_date": "2026-01-01T00:00:00Z",
                }
        else:
            tis = [
                {k: v for k, v in t.items() if k not in ("try_number", "max_tries")} for t in tis
            ]
        return {"dag_runs": runs, "task_instances": tis, "assets": ASSETS}

    def seed(self) -> None:
        status, out = self.call("POST", f"{self.base}/_stateroom/reset")
        check(200 <= status < 300, f"POST /_stateroom/reset: {status} {str(out)[:300]}")
        self.put_fixture()

    def put_fixture(self) -> None:
        if self.args.no_seed:
            return
        status, out = self.call("PUT", f"{self.base}/_stateroom/fixture", self.document())
        if 400 <= status < 500 and self.rich:
            print(
                f"note: the full fixture was refused ({status} {str(out)[:200]}); "
                "sending the bare one"
            )
            self.rich = False
            status, out = self.call("PUT", f"{self.base}/_stateroom/fixture", self.document())
        check(200 <= status < 300, f"PUT /_stateroom/fixture: {status} {str(out)[:300]}")

    def requeue(
        self, task: str, mi: int = -1, *, try_number: int = 1, new_id: str | None = None
    ) -> None:
        t = self.tis[f"{task}[{mi}]"]
        t |= {"state": "queued", "try_number": try_number}
        if new_id:
            t["id"] = new_id
        self.put_fixture()

    # ---- state endpoints
    def task_state(self, ti: str, key: str):
        return self.call(
            "GET", f"{self.exec}/store/ti/{ti}/{quote(key, safe='')}", token=self.token(ti)
        )

    def put_task_state(self, ti: str, key: str, value):
        return self.call(
            "PUT",
            f"{self.exec}/store/ti/{ti}/{quote(key, safe='')}",
            {"value": value},
            token=self.token(ti),
        )

    def asset_state(self, key: str, *, name: str | None = None, uri: str | None = None):
        by, val = ("name", name) if name else ("uri", uri)
        q = urlencode({by: val, "key": key})
        return self.call(
            "GET",
            f"{self.exec}/store/asset/by-{by}/value?{q}",
            token=self.token(ti_id("asset_by_name")),
        )

    def expect(self, task: str, key: str, value, mi: int = -1, ti: str | None = None) -> None:
        status, out = self.task_state(ti or self.tis[f"{task}[{mi}]"]["id"], key)
        check(status == 200, f"GET task state {task}[{mi}] {key!r}: {status} {out}")
        check(
            isinstance(out, dict) and set(out) == {"value"},
            f"GET task state {task}[{mi}] {key!r}: the body must be exactly {{'value': ...}}, "
            f"got {out}",
        )
        check(
            out["value"] == value and type(out["value"]) is type(value),
            f"GET task state {task}[{mi}] {key!r}: {out['value']!r}, expected {value!r}",
        )

    def expect_none(self, task: str, key: str, mi: int = -1) -> None:
        status, out = self.task_state(self.tis[f"{task}[{mi}]"]["id"], key)
        check(status == 404, f"GET task state {task}[{mi}] {key!r}: {status} {out}, expected 404")
        check(
            isinstance(out, dict)
            and isinstance(out.get("detail"), dict)
            and out["detail"].get("reason") == "not_found",
            f"GET task state {task}[{mi}] {key!r}: 404 without detail.reason == 'not_found': {out}",
        )

    def expect_asset(self, key: str, value, **by) -> None:
        status, out = self.asset_state(key, **by)
        check(status == 200, f"GET asset state {by} {key!r}: {status} {out}")
        check(
            out == {"value": value},
            f"GET asset state {by} {key!r}: {out}, expected {{'value': {value!r}}}",
        )

    def expect_no_asset(self, key: str, **by) -> None:
        status, out = self.asset_state(key, **by)
        check(status == 404, f"GET asset state {by} {key!r}: {status} {out}, expected 404")
