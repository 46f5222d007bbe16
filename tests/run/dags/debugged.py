"""Tasks that stop at a breakpoint, log in each way, import a helper, or end their process."""

import logging
import os
import time
from pathlib import Path

from airflow.sdk import dag, task


@dag(schedule=None)
def debugged():
    @task
    def stops():
        number = 41
        breakpoint()
        return number

    @task
    def logs(task_state_store=None, ti=None):
        task_state_store.set("done", 1)
        ti.xcom_push("extra", [1])
        logging.getLogger("mine").info("by logging: %s", 7)
        logging.getLogger("mine").debug("too little")
        logging.getLogger("mine").exception("as an error", exc_info=KeyError("k"))
        raise ValueError("no")

    @task
    def tells_modules():
        import helper
        import sitecustomize

        return [helper.VALUE, sitecustomize.VALUE]

    @task
    def meets():
        notes = Path(os.environ["NOTES"])
        with notes.open("a") as file:
            file.write("here\n")
        end = time.monotonic() + 60
        while notes.read_text().count("here") < 2 and time.monotonic() < end:
            time.sleep(0.05)
        return notes.read_text().count("here")

    @task
    def exits():
        os._exit(3)

    exits()
    stops()
    logs()
    tells_modules()
    meets()


debugged()
