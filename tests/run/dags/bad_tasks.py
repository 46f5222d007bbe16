"""Tasks that do what no task should do; each sets a key before."""

import ctypes
import os
import signal
import sys
import time

from airflow.sdk import dag, task


def leave_behind():
    """A process that survives its parent, in a session of its own."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        os._exit(0)


def prints_megabytes():
    for _ in range(50):
        print("x" * 100_000)
        print("y" * 100_000, file=sys.stderr)


def sleeps():
    with open(os.environ["NOTES"], "a") as file:
        file.write("sleeps\n")
    time.sleep(600)


DEEDS = {
    "exits": lambda: os._exit(3),
    "exits_well": lambda: os._exit(0),
    "calls_exit": lambda: sys.exit("no input"),
    "is_killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "crashes": lambda: ctypes.string_at(0),
    "prints_megabytes": prints_megabytes,
    "leaves_a_daemon": leave_behind,
    "leaves_a_child": lambda: os.fork() or time.sleep(600),
    "goes_on_twice": os.fork,
    "sleeps": sleeps,
    "daemonizes_and_sleeps": lambda: (leave_behind(), sleeps()),
}


@dag(schedule=None)
def bad_tasks():
    for deed in DEEDS:
        make(deed)()


def make(deed):
    @task(task_id=deed)
    def act(task_state_store=None):
        task_state_store.set("acknowledged", True)
        DEEDS[deed]()

    return act


bad_tasks()
