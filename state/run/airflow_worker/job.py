"""A job: the Dags of a file, then runs of one of its tasks and of the task's triggers."""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
import time
import traceback
from typing import Any

from . import in_process, supervised
from .answers import Answers
from .preload import versions
from .processes import (
    GRACE,
    adopt_orphans,
    end_descendants,
    interrupt,
    let_crashes_end_the_process,
)
from .sources import compiled_anew


def work(requests: int, answers: int, is_in_process: bool = False) -> None:
    """Do what is asked for, until nobody asks any more; then end this process and its descendants.

    :param requests: the descriptor of the requests.
    :param answers: the descriptor of the answers.
    :param is_in_process: run task and triggers in this process, so that a debugger stops there.
    """
    adopt_orphans()
    let_crashes_end_the_process()
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    if is_in_process:
        signal.signal(signal.SIGTERM, interrupt)
    arguments = (requests, waiting, is_in_process)
    threading.Thread(target=_receive, args=arguments, daemon=True).start()
    try:
        with compiled_anew():
            _do(waiting, Answers(answers), in_process if is_in_process else supervised)
    except (BrokenPipeError, KeyboardInterrupt):
        pass  # nobody waits for it any more
    except BaseException:
        traceback.print_exc()  # who waits for it shows that
    finally:
        end_descendants()
        os._exit(1)


def _receive(
    requests: int, waiting: queue.SimpleQueue[dict[str, Any]], is_in_process: bool
) -> None:
    """Pass on the requests; if there will be none any more, end all that still runs."""
    with os.fdopen(requests, "rb", buffering=0) as file:
        while line := file.readline():
            waiting.put(json.loads(line))
    if is_in_process:
        os.kill(os.getpid(), signal.SIGTERM)  # the main thread ends then, with what runs in it
        time.sleep(2 * GRACE)
    end_descendants()
    os._exit(0)


def _do(waiting: queue.SimpleQueue[dict[str, Any]], answers: Answers, how: Any) -> None:
    job = waiting.get()
    os.environ.clear()
    os.environ.update(job["variables"])
    os.chdir(job["cwd"])
    answers.answer("versions", versions())
    dags = how.inspect(job)
    how.configure_logging(answers)
    answers.answer("dags", dags)
    while True:
        request = waiting.get()
        run = {"run": how.run, "trigger": how.run_trigger}[request["kind"]]
        answers.answer("end", run(job, request, answers))
