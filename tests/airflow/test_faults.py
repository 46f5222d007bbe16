"""Faults seen by the Task SDK: it retries 5xx and broken connections only."""

import time
import uuid

import pytest
import requests

from tests.airflow.worker import DONE, Worker
from tests.support.airflow_process import AirflowProcess
from tests.support.waiting import wait_for

pytestmark = pytest.mark.airflow

ATTEMPTS = 3
SHORT = {
    "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": str(ATTEMPTS),
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MIN": "0.02",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "0.05",
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "0.5",
}


class Faulty:
    """A worker in a namespace of its own, and that namespace's control API."""

    def __init__(self, sdk, url):
        name = uuid.uuid4().hex
        requests.post(f"{url}/_stateroom/namespaces", json={"name": name}).raise_for_status()
        self.url = f"{url}/ns/{name}"
        worker = Worker(sdk, self)
        self.task = worker.task
        assert self.task("set", "job", 1) == DONE

    def control(self, path, document):
        answer = requests.post(f"{self.url}/_stateroom/{path}", json=document)
        answer.raise_for_status()
        return answer.json()

    def worker(self, task_instance):
        return {"url": self.url, "token": task_instance["token"]}

    def fault(self, **members):
        return self.control("faults", members)["id"]

    def fired(self):
        return [
            fault["fired"]
            for fault in requests.get(f"{self.url}/_stateroom/faults").json()["faults"]
        ]

    def notes(self, op):
        events = requests.get(f"{self.url}/_stateroom/journal", params={"op": op}).json()["events"]
        return [event["note"] for event in events]


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    """The Task SDK's client with few attempts and short waits."""
    process = AirflowProcess("sdk.py", tmp_path_factory.mktemp("airflow"), **SHORT)
    yield process
    process.close()


@pytest.fixture
def faulty(impatient, served):
    return Faulty(impatient, served.url)


@pytest.mark.parametrize(
    "members", [{"status": 503}, {"close": "before"}, {"close": "after"}, {"truncate": True}]
)
def test_the_sdk_survives_temporary_faults(faulty, members):
    faulty.fault(op="get", times=ATTEMPTS - 1, **members)
    assert faulty.task("get", "job")["value"] == 1
    assert faulty.fired() == [ATTEMPTS - 1]


@pytest.mark.parametrize(
    ("members", "raised"),
    [
        ({"status": 503}, "ServerResponseError"),
        ({"close": "before"}, "RemoteProtocolError"),
        ({"truncate": True}, "RemoteProtocolError"),
        ({"latency": 5}, "ReadTimeout"),
    ],
)
def test_the_sdk_gives_up_on_lasting_faults(faulty, members, raised):
    faulty.fault(op="get", **members)
    assert faulty.task("get", "job")["raised"] == raised
    assert faulty.fired() == [ATTEMPTS]


@pytest.mark.parametrize("status", [403, 409, 429])
def test_the_sdk_does_not_repeat_a_4xx(faulty, status):
    faulty.fault(status=status)
    began = time.monotonic()
    answer = faulty.task("set", "job", 2)
    assert answer["raised"] == "ServerResponseError"
    assert answer["status"] == status
    assert faulty.fired() == [1]
    assert time.monotonic() - began < 1


def test_a_404_is_a_missing_key_to_the_sdk(faulty):
    faulty.fault(op="get", status=404)
    assert faulty.task("get", "job")["error"] == "TASK_STORE_NOT_FOUND"


def test_a_write_that_was_kept_and_never_confirmed_is_sent_again(faulty):
    faulty.fault(op="set", times=1, close="after")
    assert faulty.task("set", "cursor", 7) == DONE
    assert faulty.task("get", "cursor")["value"] == 7
    first, again = faulty.notes("set")[-2:]
    assert first is None
    assert again.endswith("probably a retry")
    assert faulty.notes("fault")[-1].endswith("closed after the write")


def test_a_retry_after_a_timeout_is_recorded_as_one(faulty):
    faulty.fault(op="get", times=1, latency=1)
    assert faulty.task("get", "job")["value"] == 1
    wait_for(lambda: len(faulty.notes("get")) == 2)
    assert sum("probably a retry" in (note or "") for note in faulty.notes("get")) == 1
