"""Tasks of a run that is looked at: they raise, meet another, push, sleep."""

import os
import time
from pathlib import Path

from airflow.sdk import dag, task


def note(text):
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{text}\n")


def meet(name, state):
    """Set a key between the begin and the end of another task that does the same."""
    for word in ("came", "wrote"):
        note(word)
        end = time.monotonic() + 60
        while Path(os.environ["NOTES"]).read_text().count(word) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        state.set("page", name)


@dag(schedule=None)
def attempts():
    @task(retries=1)
    def raises():
        raise ValueError("no")

    @task
    def meets(task_state_store=None):
        meet("meets", task_state_store)

    @task
    def meets_too(task_state_store=None):
        meet("meets_too", task_state_store)

    @task
    def pushes(ti=None):
        ti.xcom_push("extra", 1)
        return 2

    @task(retries=1)
    def sleeps():
        print("about to sleep", flush=True)
        note("sleeps")
        time.sleep(600)

    raises()
    meets()
    meets_too()
    pushes()
    sleeps()


attempts()
