"""The object backend on servers that speak the protocols of S3, Azure, GCS and SFTP."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from state.backends.objects import ObjectBackend
from state.model.scopes import TaskScope
from state.model.values import Encoded
from state.testing import BackendContract
from tests.support import object_stores

pytestmark = [
    pytest.mark.object_store,
    # of aiohttp, about the clients of Azure and GCS
    pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning"),
]
ROOT = Path(__file__).parents[2]
TASK = TaskScope("dag", "run", "task")
LARGE = Encoded.of("x" * 20_000_000)
_numbers = itertools.count()


@pytest.fixture(scope="module", params=["s3", "azure", "gcs", "sftp"])
def store(request, tmp_path_factory):
    arguments = []
    if request.param == "sftp":
        arguments = [tmp_path_factory.mktemp("sftp")]
    with getattr(object_stores, request.param)(*arguments) as store:
        yield store


@pytest.fixture
def make(store):
    """Makes another worker's backend on the same folder of the store."""
    base = f"{store.base}/{next(_numbers)}"
    return lambda: ObjectBackend(base, storage=store.storage)


@pytest.fixture
def silent_store(store):
    """The store behind an address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = re.sub(r"(?<=127\.0\.0\.1:)\d+", str(port), json.dumps(store.storage))
        storage = json.loads(text)
        if "port" in storage:
            storage["port"] = port
        yield dataclasses.replace(store, storage=storage)


class TestObjectStore(BackendContract):
    @pytest.fixture
    def make_backend(self, make):
        return make


def objects(backend):
    return [ref for ref, _, _ in backend.iter_refs()]


def test_a_value_of_many_parts_comes_back(make):
    ref = make().write(TASK, "key", LARGE)
    assert make().read(ref).text == LARGE.text
    assert objects(make()) == [ref]


def test_a_claim_comes_back(make):
    assert make().owner() is None
    make().claim({"claim": "former"})
    make().claim({"claim": "last"})
    assert make().owner() == {"claim": "last"}
    assert objects(make()) == []


@pytest.fixture
def check(store, tmp_path):
    """Runs one check of the store by the command."""

    def check(*options, **environ):
        call = [sys.executable, "-m", "state", "check", "object", "--only", "round_trip"]
        for option in (f"base={store.base}/{next(_numbers)}", *options):
            call += ["--option", option]
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environ}
        return subprocess.run(call, env=environ, cwd=ROOT, capture_output=True, text=True)

    return check


def test_a_store_that_does_not_answer_is_a_timeout(silent_store):
    with pytest.raises(TimeoutError, match="did not answer within 1 s"):
        ObjectBackend(silent_store.base, storage=silent_store.storage, timeout=1).write(
            TASK, "key", Encoded.of(1)
        )


def test_the_documented_variables_alone_reach_the_store(check, store):
    document = (ROOT / "docs/backends.md").read_text()
    assert [name for name in store.environ if f"`{name}" not in document] == []
    result = check(**store.environ)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_options_of_the_command_reach_the_store(check, store):
    result = check(f"storage={json.dumps(store.storage)}")
    assert result.returncode == 0, result.stdout + result.stderr


class Failing(Encoded):
    """A value that cannot be read to its end."""

    def __init__(self, fail):
        super().__init__(LARGE.text, LARGE.sha256)
        self.fail = fail

    def pieces(self):
        yield from itertools.islice(super().pieces(), 15)
        self.fail()
        raise OSError("the disk that this was read from is gone")


def test_an_upload_that_fails_half_way_leaves_no_object(make, request):
    if "gcs" in request.node.name:
        pytest.skip("the emulator cannot cancel an upload, and gcsfs tries to for half a minute")
    with pytest.raises(OSError, match="is gone"):
        make().write(TASK, "key", Failing(lambda: None))
    assert objects(make()) == []


def test_when_giving_up_an_upload_fails_the_first_error_is_told():
    with object_stores.s3() as store:
        backend = ObjectBackend(store.base, storage=store.storage)
        with pytest.raises(OSError, match="is gone") as caught:
            backend.write(TASK, "key", Failing(store.stop))
    [note] = caught.value.__notes__
    assert note.startswith("the parts that were uploaded were not removed: EndpointConnectionError")
