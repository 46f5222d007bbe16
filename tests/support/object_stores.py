"""Storages that speak the protocol of a real one, on loopback and a free port.

Each is a context manager that starts a server and stops it at the end; its value is a
:class:`Store`.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

BUCKET = "state"
NEEDED = "needs requirements-object-stores.txt"
AZURITE = Path(__file__).parents[2] / ".azurite/node_modules/.bin/azurite-blob"
_AZURE_ACCOUNT = "devstoreaccount1"  # Azurite's own, and its public key
_AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@dataclass(frozen=True)
class Store:
    """Where a store is, as the options of the object backend.

    :param environ: variables that do what ``storage`` does, as docs/backends.md says.
    :param stop: stops its server, if that is possible before the end.
    """

    base: str
    storage: dict
    environ: dict
    stop: Callable | None = None


@contextmanager
def s3():
    """moto's S3."""
    server_module = pytest.importorskip("moto.server", reason=NEEDED)
    pytest.importorskip("s3fs", reason=NEEDED)
    import boto3

    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        access = {"aws_access_key_id": "me", "aws_secret_access_key": "secret"}
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **access)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        kwargs = {"endpoint_url": url, "region_name": "us-east-1"}
        storage = {"key": "me", "secret": "secret", "client_kwargs": kwargs}
        environ = {
            "AWS_ACCESS_KEY_ID": "me",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": url,
        }
        yield Store(f"s3://{BUCKET}", storage, environ, server.stop)
    finally:
        server.stop()


@contextmanager
def azure():
    """Azurite's blobs."""
    pytest.importorskip("adlfs", reason=NEEDED)
    program = shutil.which("azurite-blob") or AZURITE
    if not Path(program).exists():
        pytest.skip("needs Azurite: npm install --prefix .azurite azurite@3")
    from azure.storage.blob import BlobServiceClient

    options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    call = [program, *options, "--blobHost", "127.0.0.1", "--blobPort", "0"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = _address(process)
            connection = (
                f"DefaultEndpointsProtocol=http;AccountName={_AZURE_ACCOUNT};"
                f"AccountKey={_AZURE_KEY};BlobEndpoint={url}/{_AZURE_ACCOUNT};"
            )
            with BlobServiceClient.from_connection_string(connection) as client:
                client.create_container(BUCKET)
            environ = {"AZURE_STORAGE_CONNECTION_STRING": connection}
            yield Store(f"az://{BUCKET}", {"connection_string": connection}, environ)
        finally:
            process.terminate()


def _address(process):
    """The address that Azurite prints when it listens."""
    for line in process.stdout:
        if "listens on" in line:
            return line.split()[-1]
    raise AssertionError("Azurite ended before it listened")


@contextmanager
def gcs():
    """gcp-storage-emulator's GCS."""
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason=NEEDED)
    with pytest.MonkeyPatch.context() as patch:
        # read by gcsfs when it is imported; else it asks for more than an emulator has
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        pytest.importorskip("gcsfs", reason=NEEDED)
        server = emulator.create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)
        with server:
            url = f"http://127.0.0.1:{server._api._httpd.server_port}"
            environ = {
                "STORAGE_EMULATOR_HOST": url,
                "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
                "FSSPEC_GCS": '{"token": "anon"}',
            }
            storage = {"endpoint_url": url, "token": "anon", "project": "test"}
            yield Store(f"gs://{BUCKET}", storage, environ)


@contextmanager
def sftp(folder):
    """asyncssh's SFTP."""
    pytest.importorskip("paramiko", reason=NEEDED)
    module = pytest.importorskip("tests.support.sftp", reason=NEEDED)
    with module.sftp_server(folder) as server:
        environ = {"FSSPEC_SFTP": json.dumps(server.storage)}
        yield Store(server.base, server.storage, environ)
