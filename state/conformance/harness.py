"""The harness of a check: the backend, scopes, accessors over a database, child processes."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ..backends.hooks import Hooks
from ..errors import KeyNotFound
from ..model import envelope
from ..model.scopes import AssetScope, StoreScope, TaskScope
from ..store import keyspaces
from ..store.store import Store
from ..store.tables import assets, task_instances
from ..worker.accessors import AssetStateStoreAccessor, TaskStateStoreAccessor
from .call import Call
from .deadline import Failed, Overdue, within
from .versions import DEFAULT, VERSIONS, Version

Result = TypeVar("Result")
TIMEOUT = 120.0  # seconds of a check
_GRACE = 1.5  # times its deadline: when another process is killed
_ROOT = Path(__file__).parents[2]  # the folder of the package ``state``
_CHILD = f"{__package__}.child"  # not imported here, or it would be there twice
_OVERDUE = f"{Overdue.__module__}.{Overdue.__name__}: "


class NotApplicable(Exception):
    """A check does not apply to this backend; the message says why."""


class Harness:
    """The harness of one run of one check.

    :param make: creates an instance of the backend, with the same configuration each time.
    :param folder: an empty folder for the databases of this run.
    :param name: the backend's name in the ledger; by default that of its class.
    :param spec: the backend's dotted path or built-in name, and its options, to create it in
        another process; None if only ``make`` can create it.
    :param check: the check's name, which is part of its scopes, so that objects left by one check
        do not affect the next.
    :param timeout: seconds that the check may take.
    :param version: the version of Airflow by which it is judged.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        folder: Path,
        name: str = "",
        spec: tuple[str, dict[str, Any]] | None = None,
        check: str = "",
        timeout: float = TIMEOUT,
        version: Version = VERSIONS[DEFAULT],
    ) -> None:
        self.make = make
        self.version = version
        self.folder = folder
        self.name = name
        self.spec = spec
        self.task = TaskScope(f"kit-{check}", "run-1", "task")
        self.asset = AssetScope(name=f"kit-asset-{check}")
        self._seconds = timeout / 2  # of another process, so that it ends before the check does

    def hooks(self) -> Hooks:
        """The hooks of a new instance, as in another worker."""
        backend = self.make()
        return Hooks(backend, self.name or type(backend).__name__)

    def served_scopes(self) -> list[StoreScope]:
        """A task scope and an asset scope, as far as the backend has hooks for them."""
        return [scope for scope in (self.task, self.asset) if self.hooks().serves(scope)]

    def reference(self, scope: StoreScope, key: str, value: Any, ti_id: str = "ti-1") -> str:
        """Store a value and return its reference.

        :raises NotApplicable: if the backend keeps the value inline.
        """
        ref = self.hooks().serialize(scope, key, value, ti_id)
        if ref is None:
            raise NotApplicable("it keeps this value inline")
        return ref

    def reference_elsewhere(self, scope: StoreScope, key: str, value: Any, ti_id: str) -> str:
        """Like :meth:`reference` in another process: a new interpreter, or without spec a fork."""
        if self.spec is None:
            return str(self.in_child(lambda: self.reference(scope, key, value, ti_id)))
        spec, options = self.spec
        call = Call(
            paths=sys.path,
            folder=os.getcwd(),
            seconds=self._seconds,
            spec=spec,
            options=options,
            scope_type=type(scope).__name__,
            scope_members=vars(scope),
            key=key,
            value=value,
            ti_id=ti_id,
        )
        try:
            result = subprocess.run(
                [sys.executable, "-m", _CHILD],
                cwd=_ROOT,
                input=call.as_json(),
                capture_output=True,
                text=True,
                timeout=self._seconds * _GRACE,
            )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"another process did not end within {error.timeout:g} s") from None
        if result.returncode:
            last = result.stderr.strip().splitlines()[-1:]
            raise Failed(f"in another process: {''.join(last).removeprefix(_OVERDUE)}")
        return str(json.loads(result.stdout))

    def in_child(self, act: Callable[[], Any]) -> Any:
        """Call ``act`` in a forked process and return its result.

        :raises Failed: if it raises, takes too long, or ends its process.
        """
        outcome, _ = self._forked(act)
        if outcome is None:
            raise Failed("another process ended without a result")
        result, problem = outcome
        if problem:
            raise Failed(f"in another process: {problem}")
        return result

    def _forked(self, act: Callable[[], Any]) -> tuple[tuple[Any, str] | None, int | None]:
        """Call ``act`` in a forked process.

        :returns: its result and what went wrong, or None if it was killed before; its exit status.
        """

        def run() -> None:
            try:
                outcome = (within(self._seconds, act), "")
            except Failed as failure:
                outcome = (None, str(failure))
            except Exception as error:
                outcome = (None, f"{type(error).__name__}: {error}")
            theirs.send(outcome)

        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=run)
        with warnings.catch_warnings():
            # Python 3.12 warns of every fork beside other threads; this one runs nothing of theirs
            warnings.simplefilter("ignore", DeprecationWarning)
            child.start()
        theirs.close()
        outcome = None
        try:
            if ours.poll(self._seconds * _GRACE):
                outcome = ours.recv()
        except EOFError:
            pass  # it was killed
        finally:
            ours.close()
            child.join(1)
            child.kill()
            child.join()
        return outcome, child.exitcode

    @contextmanager
    def store(self) -> Iterator[Any]:
        """The namespace ``default`` of a database file, with the asset of this check."""
        store = Store(str(self.folder / "kit.db"))
        try:
            namespace = store.namespace()
            assets.create_asset(namespace, str(self.asset.name), "kit://asset")
            yield namespace
        finally:
            store.close()

    def accessor(self, namespace: Any, scope: StoreScope) -> Any:
        """The accessor of a scope with a new backend instance; for a task, of its next attempt."""
        if isinstance(scope, TaskScope):
            ti_id = task_instances.create_task_instance(namespace, scope)["id"]
            return TaskStateStoreAccessor(
                keyspaces.task_instance(namespace, ti_id), scope, self.hooks(), ti_id
            )
        return AssetStateStoreAccessor(
            keyspaces.asset(namespace, name=scope.name), scope, self.hooks()
        )

    def killed_at(self, step: str, scope: StoreScope, act: Callable[[Any], None]) -> None:
        """Run ``act(accessor)`` in a child process that is killed with SIGKILL at a step.

        :param step: ``before row`` or ``after row``, before or after the change of the database.
        :raises NotApplicable: for a backend that keeps its objects in the killed process.
        """
        if getattr(self.hooks().backend, "in_process", False):
            raise NotApplicable("its objects end with the process")

        def die() -> None:
            with self.store() as namespace:
                accessor = self.accessor(namespace, scope)
                accessor._keyspace = Deadly(accessor._keyspace, step)
                act(accessor)

        outcome, status = self._forked(die)
        if status != -signal.SIGKILL or outcome is not None:
            problem = f"its exit status is {status}"
            if outcome is not None and outcome[1]:
                problem = outcome[1]
            raise Failed(f"the process should be killed {step}, but {problem}")

    def resolves(self, scope: StoreScope, ref: str) -> bool:
        """Whether a reference can be resolved."""
        try:
            return self.hooks().deserialize(scope, ref) is not None
        except Exception:  # a backend may raise anything for a missing object
            return False

    def stored_ref(self, namespace: Any, scope: StoreScope, key: str) -> str | None:
        """The reference in the row of a key; None for an inline value and for a missing key."""
        keyspace: Any
        if isinstance(scope, TaskScope):
            keyspace = keyspaces.task(namespace, scope)
        else:
            keyspace = keyspaces.asset(namespace, name=scope.name)
        try:
            return envelope.unwrap(keyspace.get(key))
        except KeyNotFound:
            return None

    def run_async(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in a new event loop and return its result."""

        async def run() -> Result:
            asyncio.get_running_loop().set_default_executor(_DaemonThreads())
            return await work

        return asyncio.run(run())


class _DaemonThreads(ThreadPoolExecutor):
    """Runs each call in a daemon thread, so that a call that hangs does not keep the process."""

    def submit(self, act: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            try:
                future.set_result(act(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        return future


class Deadly:
    """A keyspace that kills its process at a write."""

    def __init__(self, keyspace: Any, step: str) -> None:
        self._keyspace = keyspace
        self._step = step

    def __getattr__(self, verb: str) -> Any:
        if verb in ("fetch", "get"):
            return getattr(self._keyspace, verb)
        return self._dying(verb)

    def _dying(self, verb: str) -> Callable[..., Any]:
        def write(*args: Any, **kwargs: Any) -> Any:
            if self._step == "before row":
                os.kill(os.getpid(), signal.SIGKILL)
            getattr(self._keyspace, verb)(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)

        return write
