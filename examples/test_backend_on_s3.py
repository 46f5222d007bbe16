"""A custom backend that keeps values in S3, tested against moto's local S3 server."""

import json

import pytest

from state.backends.base import BaseStoreBackend
from state.model.scopes import TaskScope

pytestmark = pytest.mark.object_store
pytest.importorskip(
    "moto.server", reason="needs moto: pip install -r requirements-object-stores.txt"
)
boto3 = pytest.importorskip(
    "boto3", reason="needs boto3: pip install -r requirements-object-stores.txt"
)

BUCKET = "state"
ACCESS = {"aws_access_key_id": "me", "aws_secret_access_key": "secret", "region_name": "us-east-1"}


class S3Backend(BaseStoreBackend):
    """Keeps values of tasks in S3, and values of assets in their rows.

    An object is at ``s3://state/<dag>/<run>/<task>/<map index>/<key>``.

    :param endpoint: URL of the S3 server; Amazon's by default.
    """

    def __init__(self, endpoint=None):
        self.s3 = boto3.client("s3", endpoint_url=endpoint, **ACCESS)

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        path = f"{self.folder(scope)}{key}"
        self.s3.put_object(Bucket=BUCKET, Key=path, Body=json.dumps(value).encode())
        return f"s3://{BUCKET}/{path}"

    def deserialize_task_state_store_from_ref(self, stored):
        path = stored.removeprefix(f"s3://{BUCKET}/")
        return json.load(self.s3.get_object(Bucket=BUCKET, Key=path)["Body"])

    def delete(self, scope, key, *, session=None):
        if isinstance(scope, TaskScope):
            self.s3.delete_object(Bucket=BUCKET, Key=f"{self.folder(scope)}{key}")

    def clear(self, scope, *, all_map_indices=False, session=None):
        if isinstance(scope, TaskScope):
            for path in self.paths(self.folder(scope)):
                self.s3.delete_object(Bucket=BUCKET, Key=path)

    def folder(self, scope):
        return f"{scope.dag_id}/{scope.run_id}/{scope.task_id}/{scope.map_index}/"

    def paths(self, prefix=""):
        """Return the paths in the bucket."""
        return [
            row["Key"]
            for row in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        ]


@pytest.fixture(scope="module")
def endpoint():
    """The URL of a local S3 server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def backend(stateroom, endpoint):
    """The backend of this test's workers, on an empty bucket."""
    backend = stateroom.backend(S3Backend, endpoint=endpoint)
    backend.s3.create_bucket(Bucket=BUCKET)
    for path in backend.paths():
        backend.s3.delete_object(Bucket=BUCKET, Key=path)
    yield backend
    backend.s3.close()


def test_value_is_in_the_bucket_and_reference_in_the_database(stateroom, backend):
    task = stateroom.task("etl", "report")
    task.set("rows", [1, 2, 3])
    assert task.retry().get("rows") == [1, 2, 3]
    assert backend.paths() == ["etl/test/report/-1/rows"]
    reference = {"__airflow_state_ref__": "s3://state/etl/test/report/-1/rows"}
    assert stateroom.state == {"etl/report": {"rows": reference}}


def test_clear_leaves_neither_rows_nor_objects(stateroom, backend):
    task = stateroom.task("etl", "report")
    for key in ("rows", "page"):
        task.set(key, 1)
    task.clear()
    assert stateroom.state == {}
    assert backend.paths() == []


def test_removed_object_is_an_error_not_a_missing_key(stateroom, backend):
    task = stateroom.task("etl", "report")
    task.set("rows", 1)
    backend.s3.delete_object(Bucket=BUCKET, Key="etl/test/report/-1/rows")
    with pytest.raises(backend.s3.exceptions.NoSuchKey):
        task.get("rows", "default")
    assert "BROKEN, NoSuchKey" in stateroom.timeline()
