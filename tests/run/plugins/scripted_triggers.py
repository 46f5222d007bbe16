"""A trigger that does what its argument says; it stands where a triggerer can import it."""

import asyncio
import os
import sys
import time
from datetime import datetime, timezone

from airflow.sdk import BaseHook, Variable
from airflow.triggers.base import (
    BaseEventTrigger,
    BaseTrigger,
    TaskFailedEvent,
    TaskSkippedEvent,
    TaskSuccessEvent,
    TriggerEvent,
)

EVENTS = {
    "fires": TriggerEvent({"status": "done"}),
    "fires_with_a_date": TriggerEvent(datetime(2026, 1, 1, tzinfo=timezone.utc)),
    "fires_with_an_object": TriggerEvent(object()),
    "succeeds": TaskSuccessEvent(xcoms={"return_value": 7}),
    "fails": TaskFailedEvent(),
    "fails_and_may_retry": TaskFailedEvent(xcoms={"return_value": 7}),
    "skips": TaskSkippedEvent(),
}


def note(text):
    with open(os.environ["NOTES"], "a") as file:
        file.write(text + "\n")


class ScriptedTrigger(BaseTrigger):
    template_fields = ("script",)

    def __init__(self, script):
        super().__init__()
        self.script = script

    def serialize(self):
        return "scripted_triggers.ScriptedTrigger", {"script": self.script}

    async def run(self):
        if self.script in EVENTS:
            yield EVENTS[self.script]
            note("went on after the event")
        elif self.script == "raises":
            raise ConnectionError("lost the job service")
        elif self.script == "raises_a_timeout":
            raise TimeoutError("the job service is slow")
        elif self.script == "exits":
            os._exit(3)
        elif self.script == "blocks":
            time.sleep(600)
        elif self.script == "never_fires":
            note("waits")
            await asyncio.sleep(600)
        elif self.script == "prints":
            print("from the trigger")
            print("x" * 3_000_000, file=sys.stderr)
            self.log.info("logged by the trigger")
            yield TriggerEvent(None)
        elif self.script == "asks":
            yield TriggerEvent(await self.answers())
        elif self.script != "returns_nothing":
            yield TriggerEvent(self.script)

    async def answers(self):
        connection = await asyncio.to_thread(BaseHook.get_connection, "cluster")
        return {
            "variable": Variable.get("greeting"),
            "missing": Variable.get("unknown", default="a default"),
            "host": connection.host,
            "ti": [self.task_instance.task_id, self.task_instance.try_number],
        }

    async def on_kill(self):
        note("killed")

    async def cleanup(self):
        note("cleaned up")


class ScriptedEventTrigger(BaseEventTrigger):
    def serialize(self):
        return "scripted_triggers.ScriptedEventTrigger", {}

    async def run(self):
        while True:
            yield TriggerEvent("first")
            await asyncio.sleep(600)
