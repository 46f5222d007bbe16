#!/usr/bin/env python3
"""Run real Airflow tasks, by the Task SDK's own supervisor, against a service at --base-url.

    drive.py --base-url http://127.0.0.1:8099 [--airflow-python VENV/bin/python]

No scheduler, no api-server, no metadata database: only this process, the tasks it forks, and
whatever answers at --base-url.

Before anything else the server is seeded (leave it out with --no-seed; --print-fixture shows what
it is sent):

    POST {base}/_stateroom/reset
    PUT  {base}/_stateroom/fixture   {"dag_runs": [...], "task_instances": [...], "assets": [...]}

A task instance is put back to "queued" with another PUT of the whole document before each further
run of it, so a PUT has to leave the stored state alone.  The first PUT carries more than the three
lists need ("try_number", "max_tries", run dates); when it is refused with a 4xx the bare document
is sent instead.

Every check of a result is a GET on the server's own state endpoints.  The last line is
"N passed, N failed"; the exit status is 1 when something failed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import scenarios_of_state  # noqa: F401  # what they import adds the scenarios to the list,
import scenarios_of_workers  # noqa: F401  # and these are to follow those
from driven_server import Server
from scenario import CORE, EXTRA, Ctx
from seeding import BUNDLE, Failed
from supervised import Sdk

HERE = Path(__file__).resolve().parent
DEFAULT_PYTHON = os.environ.get("AIRFLOW_PYTHON", sys.executable)


def airflow_env(args, out: Path, scratch: Path) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(out / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
            [
                {
                    "name": BUNDLE,
                    "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                    "kwargs": {"path": str(HERE / "dags")},
                },
                *(
                    {
                        "name": "shipped",
                        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                        "kwargs": {"path": str(p)},
                    }
                    # beside the interpreter that will run the tasks
                    for p in sorted(
                        Path(args.airflow_python)
                        .parents[1]
                        .glob("lib/python*/site-packages/airflow/example_dags")
                    )[:1]
                ),
            ]
        ),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(out / "logs"),
        # A place nothing can be created in: if anything connected, the run would break.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{out}/no-such-directory/airflow.db",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "2",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MIN": "0.1",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "0.5",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "STATEROOM_SCRATCH": str(scratch),
        "PYTHONPATH": os.pathsep.join(
            [str(HERE / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
        "PYTHONDONTWRITEBYTECODE": "1",
        "_STATEROOM_DRIVE": str(out),
    }


def main() -> int:
    ap = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ap.add_argument("--base-url", required=True, help="root of the server, without /execution")
    ap.add_argument(
        "--execution-path", default="/execution", help="where the Execution API is mounted"
    )
    ap.add_argument(
        "--airflow-python", default=DEFAULT_PYTHON, help="an interpreter that has apache-airflow"
    )
    ap.add_argument(
        "--no-seed", action="store_true", help="the server has the runs and task instances already"
    )
    ap.add_argument(
        "--print-fixture", action="store_true", help="print the fixture document and stop"
    )
    ap.add_argument(
        "--extras", action="store_true", help="also variables, connections, deferral, short circuit"
    )
    ap.add_argument("--only", help="comma-separated scenario names")
    ap.add_argument("--skip", default="", help="comma-separated scenario names")
    ap.add_argument("--list", action="store_true")
    ap.add_argument(
        "--out", help="keep logs here (default: a temporary directory, removed on success)"
    )
    ap.add_argument(
        "--jwt-secret", default="stateroom", help="HS512 secret for the tokens handed to the SDK"
    )
    ap.add_argument("--token-scope", default="workload", choices=["workload", "execution"])
    ap.add_argument("--static-token", help="use this string as every bearer token")
    ap.add_argument("--core-token", help="bearer token for the Core API")
    ap.add_argument("-v", "--verbose", action="store_true")
    args = ap.parse_args()

    server = Server(args.base_url, args.execution_path, args)
    if args.print_fixture:
        print(json.dumps(server.document(), indent=1))
        return 0
    todo = CORE + (EXTRA if args.extras or args.only else [])
    if args.list:
        for f in CORE + EXTRA:
            print(f.__name__ + (" (extra)" if f in EXTRA else ""))
        return 0
    if args.only:
        names = args.only.split(",")
        todo = [f for f in todo if f.__name__ in names]
        if len(todo) != len(names):
            ap.error(f"unknown scenario among {args.only}; see --list")
    todo = [f for f in todo if f.__name__ not in args.skip.split(",")]

    # Airflow reads its configuration from the environment when it is imported, and this has to run
    # on an interpreter that has it: start over once with both in place.
    if "_STATEROOM_DRIVE" not in os.environ:
        out = Path(args.out).resolve() if args.out else Path(tempfile.mkdtemp(prefix="drive-"))
        shutil.rmtree(out, ignore_errors=True)
        scratch = out / "scratch"
        for d in (out / "home", out / "logs", scratch):
            d.mkdir(parents=True)
        env = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
        env |= airflow_env(args, out, scratch)
        os.execve(
            args.airflow_python,
            [args.airflow_python, str(Path(__file__).resolve()), *sys.argv[1:]],
            env,
        )
    out = Path(os.environ["_STATEROOM_DRIVE"])
    scratch = out / "scratch"

    sdk = Sdk(server, out, args.verbose)
    sys.path.insert(0, str(HERE / "dags"))  # for the lists of values and keys
    print(
        f"Task SDK {sdk.version} (execution API {sdk.api_version}), "
        f"imported in {sdk.import_seconds:.2f} s; server {server.exec}; logs {out}",
        flush=True,
    )
    if not args.no_seed:
        try:
            server.seed()
        except (OSError, Failed) as e:
            print(f"FAIL seeding: {e}\n0 passed, 1 failed", flush=True)
            return 1
    passed, failed = 0, 0
    t0 = time.monotonic()
    for f in todo:
        c = Ctx(server, sdk, scratch, out)
        t = time.monotonic()
        try:
            f(c)
        except Failed as e:
            failed += 1
            print(f"FAIL {f.__name__}: {e}", flush=True)
        except Exception as e:
            failed += 1
            print(f"FAIL {f.__name__}: {type(e).__name__}: {e}", flush=True)
        else:
            passed += 1
            tail = f"  [{'; '.join(c.notes)}]" if c.notes else ""
            print(f"PASS {f.__name__} ({time.monotonic() - t:.1f} s){tail}", flush=True)
    stray = [str(p) for p in out.rglob("*.db*")] + [str(p) for p in out.rglob("airflow.cfg")]
    if stray:
        failed += 1
        print(f"FAIL no_metadata_db: {stray} appeared")
    else:
        passed += 1
        print("PASS no_metadata_db")
    print(f"{sdk.n} task runs in {time.monotonic() - t0:.1f} s")
    print(f"{passed} passed, {failed} failed")
    if not failed and not args.out:
        shutil.rmtree(out, ignore_errors=True)
    elif failed:
        print(f"logs: {out}")
    sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
