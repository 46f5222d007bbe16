"""Runs of tasks by the supervisor of the Task SDK."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path

from driven_server import Server
from seeding import BUNDLE, DAG_FILE, DAG_VERSION, RUN_ID, check


class Run:
    """What one supervise_task() call came to."""

    def __init__(self, task: str, log: Path, seconds: float, exit_code, final_state, error):
        self.task, self.seconds, self.exit_code, self.final_state, self.error = (
            task,
            seconds,
            exit_code,
            final_state,
            error,
        )
        self.lines = []
        if log.exists():
            for raw in log.read_text(errors="replace").splitlines():
                with contextlib.suppress(ValueError):
                    self.lines.append(json.loads(raw))

    def why(self) -> str:
        if self.error:
            return f"supervise_task raised {self.error}"
        out = []
        for line in self.lines:
            detail = line.get("error_detail")
            if detail:
                last = detail[-1] if isinstance(detail, list) else detail
                out.append(f"{last.get('exc_type')}: {last.get('exc_value')}")
        return (" | ".join(out) or "no exception in the task log")[:600]

    def logged(self, text: str) -> bool:
        return any(text in str(line.get("event", "")) for line in self.lines)


class Sdk:
    def __init__(self, server: Server, out: Path, verbose: bool):
        self.server, self.out, self.verbose = server, out, verbose
        self.sup_log = out / "supervisor.jsonl"
        self.n = 0
        t0 = time.monotonic()
        import airflow.sdk
        from airflow.sdk.api.datamodels._generated import API_VERSION, BundleInfo, TaskInstance
        from airflow.sdk.execution_time.supervisor import supervise_task
        from airflow.sdk.log import configure_logging

        self.import_seconds = time.monotonic() - t0
        self.version, self.api_version = airflow.sdk.__version__, API_VERSION
        self.TaskInstance, self.BundleInfo, self.supervise_task = (
            TaskInstance,
            BundleInfo,
            supervise_task,
        )
        self.fh = open(self.sup_log, "ab", buffering=0)
        configure_logging(json_output=True, output=self.fh)

    def run(
        self,
        task: str,
        mi: int = -1,
        *,
        try_number: int = 1,
        expect: str | tuple[str, ...] | None = "success",
        env: dict[str, str] | None = None,
        limit: int = 90,
        dag_file: str = DAG_FILE,
        bundle: str = BUNDLE,
    ) -> Run:
        record = self.server.tis[f"{task}[{mi}]"]
        ti = record["id"]
        self.n += 1
        rel = f"{self.n:03d}-{task}-{mi}-try{try_number}.log"
        before = self.sup_log.stat().st_size
        rc = err = None

        def boom(*_):
            import psutil

            for child in psutil.Process().children(recursive=True):
                child.kill()
            raise TimeoutError(f"no end after {limit} s")

        old_env = {k: os.environ.get(k) for k in env or {}}
        os.environ.update(env or {})
        old = signal.signal(signal.SIGALRM, boom)
        signal.alarm(limit)
        t0 = time.monotonic()
        try:
            rc = self.supervise_task(
                ti=self.TaskInstance(
                    id=ti,
                    task_id=record["task_id"],
                    dag_id=record["dag_id"],
                    run_id=RUN_ID,
                    try_number=try_number,
                    map_index=mi,
                    dag_version_id=DAG_VERSION,
                ),
                bundle_info=self.BundleInfo(name=bundle, version=None),
                dag_rel_path=dag_file,
                token=self.server.token(ti, self.server.args.token_scope),
                server=self.server.exec + "/",
                log_path=rel,
            )
        except Exception as e:
            notes = "; ".join(getattr(e, "__notes__", []))
            err = f"{type(e).__name__}: {e}" + (f" ({notes})" if notes else "")
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, old)
            for k, v in old_env.items():
                os.environ.pop(k, None) if v is None else os.environ.__setitem__(k, v)
        seconds = time.monotonic() - t0
        final, troubles = None, []
        with open(self.sup_log, "rb") as fh:
            fh.seek(before)
            for raw in fh.read().decode("utf-8", "replace").splitlines():
                with contextlib.suppress(ValueError):
                    line = json.loads(raw)
                    event = str(line.get("event"))
                    if event == "Workload finished":
                        final = line.get("final_state")
                    elif event.startswith(
                        ("Recovery retry of terminal-state", "Failed to send heartbeat")
                    ):
                        troubles.append(f"{event} [{self.last_error(line)}]")
        run = Run(task, self.out / "logs" / rel, seconds, rc, final, err)
        if final:  # so that the next PUT of the fixture does not undo it
            record["state"] = final
        if self.verbose:
            print(f"    {task}[{mi}] try {try_number}: rc={rc} {final} {seconds:.2f}s {err or ''}")
        if expect is not None:
            allowed = (expect,) if isinstance(expect, str) else expect
            check(
                final in allowed,
                f"{task}[{mi}] try {try_number} ended {final!r}, "
                f"expected {' or '.join(allowed)}: {run.why()}",
            )
        # the SDK says success whether or not the server took the report, so ask the log
        check(
            not troubles,
            f"{task}[{mi}] try {try_number} ended {final!r}, but: {'; '.join(troubles)[:500]}",
        )
        return run

    @staticmethod
    def last_error(line: dict) -> str:
        detail = line.get("exception") or line.get("error_detail") or []
        last = detail[-1] if isinstance(detail, list) and detail else {}
        return f"{last.get('exc_type')}: {last.get('exc_value')}"
