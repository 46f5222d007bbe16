"""The way of a trigger to Stateroom: what it asks of its supervisor goes to the Execution API."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def connected(ti: Any, server: str, token: str) -> Iterator[Any]:
    """``SUPERVISOR_COMMS`` of a trigger of a task instance."""
    from airflow.sdk.api.client import Client
    from airflow.sdk.execution_time.supervisor import set_supervisor_comms

    client = Client(base_url=server, token=token)
    try:
        with set_supervisor_comms(Comms(ti, client)) as comms:
            yield comms
    finally:
        client.close()


class Comms:
    """Answers as the supervisor of a task does, in the same process.

    :param client: of the Execution API.
    """

    def __init__(self, ti: Any, client: Any) -> None:
        import psutil
        import structlog
        from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor

        class Supervisor(InProcessTestSupervisor):  # type: ignore[misc]  # Airflow is not typed here
            """Keeps what would be sent to the process of a task."""

            def send_msg(
                self, msg: Any, request_id: int, error: Any = None, **options: Any
            ) -> None:
                answers.append((msg, error))

        answers: list[tuple[Any, Any]] = []
        log = structlog.get_logger(logger_name="supervisor")
        supervisor = Supervisor(
            id=ti.id, pid=os.getpid(), process=psutil.Process(), process_log=log, client=client
        )
        self._answers = answers
        self._requests = supervisor.handle_requests(log)
        next(self._requests)
        self._lock = threading.RLock()
        self._is_asked = False

    def send(self, msg: Any) -> Any:
        """Send a request and return its answer.

        :raises AirflowRuntimeError: if the service answers with an error.
        """
        from airflow.sdk.exceptions import AirflowRuntimeError
        from airflow.sdk.execution_time.comms import _RequestFrame

        with self._lock:
            if self._is_asked:  # an answer's secrets are masked, which is done in this process
                return None
            self._is_asked = True
            try:
                self._requests.send(_RequestFrame(id=0, body=msg.model_dump()))
            finally:
                self._is_asked = False
            answer, error = self._answers.pop()
        if error is not None:
            raise AirflowRuntimeError(error=error)
        return answer

    async def asend(self, msg: Any) -> Any:
        """Like :meth:`send`; the trigger waits for it, and nothing else runs in its loop."""
        return self.send(msg)
