"""Real Airflow clients in their own environment, and the served Stateroom that they talk to."""

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import requests

from state.model import tokens

SCRIPTS = Path(__file__).parents[1] / "airflow"
HOW = (
    "AIRFLOW_VENV is not an environment with Airflow: "
    "python3 -m venv .venv-airflow && .venv-airflow/bin/pip install "
    "-r requirements-airflow.txt; AIRFLOW_VENV=.venv-airflow python -m pytest -m airflow"
)

# made absolute at once: a relative path is one in the folder where this run was started
VENV = os.environ.get("AIRFLOW_VENV") and Path(os.environ["AIRFLOW_VENV"]).absolute()


def airflow_venv():
    """The environment with Airflow; skips the test if there is none."""
    return VENV or pytest.skip(HOW)


def moment(value):
    """An aware moment, as the scripts read it."""
    return {"$moment": value.isoformat()}


class AirflowProcess:
    """One of the scripts of ``tests/airflow``, run by the Python of ``$AIRFLOW_VENV``.

    :param home: where Airflow may write.
    :param settings: Airflow's, as environment variables.
    """

    def __init__(self, script, home, **settings):
        python = airflow_venv() / "bin/python"
        environ = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            **settings,
        }
        command = [python.absolute(), SCRIPTS / script]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env=environ, cwd=home, **pipes)

    def call(self, connection, method, *args, **kwargs):
        """What a client's method returned or raised, as a dict."""
        request = {**connection, "method": method, "args": args, "kwargs": kwargs}
        print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, f"{method}: the script ended; its standard error says why"
        answer = json.loads(line)
        assert "crashed" not in answer, answer["crashed"]
        return answer

    def close(self):
        self.process.communicate(timeout=30)


@dataclass(frozen=True)
class ServedStateroom:
    """A served Stateroom.

    :param secret: the key that signs its tokens, or None if it is open.
    :param password: of the user ``admin``.
    """

    url: str
    secret: str | None
    password: str

    def control(self, path, document):
        """Return the answer to ``POST /_stateroom/…`` as an admin."""
        token = tokens.for_role(self.secret, "admin") if self.secret else ""
        answer = requests.post(
            f"{self.url}/_stateroom/{path}",
            json=document,
            headers={"Authorization": f"Bearer {token}"},
        )
        answer.raise_for_status()
        return answer.json()

    @cached_property
    def person(self):
        """The connection of a logged-in admin."""
        answer = requests.post(
            f"{self.url}/auth/token", json={"username": "admin", "password": self.password}
        )
        return {"url": self.url, "token": answer.json()["access_token"]}

    def worker(self, task_instance):
        """The connection of a task instance's worker, with a token if there is a secret."""
        token = task_instance["token"]
        if self.secret:
            token = tokens.for_task_instance(self.secret, task_instance["id"])
        return {"url": self.url, "token": token}
