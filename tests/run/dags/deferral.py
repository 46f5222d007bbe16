"""Tasks that wait for triggers, each for one that does what the task's id says."""

from datetime import timedelta

from airflow.sdk import DAG, BaseOperator
from airflow.triggers.base import StartTriggerArgs
from scripted_triggers import EVENTS, ScriptedEventTrigger, ScriptedTrigger

SCRIPTS = (
    *(*EVENTS, "raises", "raises_a_timeout", "exits", "blocks", "never_fires"),
    *("prints", "asks", "returns_nothing"),
)


class Wait(BaseOperator):
    def __init__(self, *, trigger, seconds=None, **kwargs):
        super().__init__(**kwargs)
        self.trigger = trigger
        self.timeout = None
        if seconds is not None:
            self.timeout = timedelta(seconds=seconds)

    def execute(self, context):
        context["task_state_store"].set("waits", True)
        self.defer(
            trigger=self.trigger,
            method_name="resume",
            kwargs={"mark": {"since": timedelta(seconds=7)}},
            timeout=self.timeout,
        )

    def resume(self, context, event, mark):
        assert mark == {"since": timedelta(seconds=7)}
        return str(event)


class WaitTwice(BaseOperator):
    def execute(self, context, event=None):
        if event != "second":
            self.log.info("after %s", event)
            following = "second" if event else "first"
            self.defer(trigger=ScriptedTrigger(following), method_name="execute")
        return event


class StartsWaiting(BaseOperator):
    template_fields = ("script",)
    start_from_trigger = True
    start_trigger_args = StartTriggerArgs(
        trigger_cls="scripted_triggers.ScriptedTrigger",
        trigger_kwargs={"script": "of {{ run_id }}"},
        next_method="resume",
        next_kwargs={"mark": 7},
    )

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.script = ""

    def execute(self, context):
        raise AssertionError("it starts from its trigger")

    def resume(self, context, event, mark):
        return [event, mark]


class Unknown(ScriptedTrigger):
    def serialize(self):
        return "nowhere.Trigger", {}


with DAG("deferral", schedule=None):
    for script in SCRIPTS:
        retries = 1 if script == "fails_and_may_retry" else 0
        Wait(task_id=script, trigger=ScriptedTrigger(script), retries=retries)
    for script in ("never_fires", "blocks"):
        Wait(task_id=f"{script}_in_time", trigger=ScriptedTrigger(script), seconds=0.3)
    Wait(task_id="fires_several_times", trigger=ScriptedEventTrigger())
    Wait(task_id="is_unknown", trigger=Unknown("fires"))
    WaitTwice(task_id="twice")
    StartsWaiting(task_id="starts_waiting")
