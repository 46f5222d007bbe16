"""The worker of the scene, a process of its own: ``python -m state.demo.worker URL TI_ID TOKEN``.

Its task submits a job once and waits for it: until a line comes on standard input. What it does it
prints, a line for each step.
"""

from __future__ import annotations

import sys

from ..client.http import StateroomClient
from ..errors import KeyNotFound, StateError

JOB = "job-4711"


def main(url: str, ti_id: str, token: str) -> None:
    store = StateroomClient(url, token).task(ti_id)
    try:
        job = store.get("job_id")
        _say(f'reads job_id: "{job}", and waits for that job')
    except KeyNotFound:
        job = JOB
        _say("reads job_id: there is none")
        store.set("job_id", job)
        _say(f'submits a job, and sets job_id to "{job}"')
    _say(WAITS)
    sys.stdin.readline()
    try:
        store.set("rows", 3584)
    except StateError as error:
        _say(f"sets rows: refused: {error}")
        sys.exit(1)
    _say("the job is done: sets rows to 3584")


def _say(line: str) -> None:
    print(line, flush=True)


WAITS = "waits"

if __name__ == "__main__":
    main(*sys.argv[1:])
