"""An SFTP server on loopback, in a process of its own, that can refuse or withhold what it is told.

``python -m tests.support.sftp PORT LIMIT BEYOND`` serves until it is killed or stdin ends, and
prints its port.
"""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import asyncssh

NO_ROOM = "No space left on device"
_LOGIN = {"username": "me", "password": "secret"}


class SftpServer:
    """Serves the whole file system to one user.

    :param folder: where the backend keeps its objects.
    :param limit: bytes of a file that are written as usual; any number by default.
    :param beyond: what happens to a write beyond them: ``refuse``, ``stall`` or ``die``.
    """

    def __init__(self, folder, limit=sys.maxsize, beyond="refuse"):
        self.base = f"sftp://127.0.0.1{folder}/state"
        self.port = 0
        self._behaviour = [str(limit), beyond]

    @property
    def storage(self):
        return {"port": self.port, "look_for_keys": False, **_LOGIN}

    def start(self):
        """Start on the same port as before, or at first on a free one."""
        call = [sys.executable, "-m", "tests.support.sftp", str(self.port), *self._behaviour]
        self._process = subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self._process.stdout.readline())

    def logins(self):
        """How many connections have logged in since the start."""
        return self._count("logins")

    def connections(self):
        """How many connections are open."""
        return self._count("connections")

    def _count(self, what):
        self._process.stdin.write(f"{what}\n".encode())
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


@contextmanager
def sftp_server(folder, **options):
    server = SftpServer(folder, **options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


class _Login(asyncssh.SSHServer):
    """Refuses more than ten connections that have not logged in, as OpenSSH does."""

    pending = set()
    open = set()
    logins = 0

    def connection_made(self, connection):
        self.open.add(self)
        self.pending.add(self)
        if len(self.pending) > 10:
            connection.abort()

    def auth_completed(self):
        _Login.logins += 1
        self.pending.discard(self)

    def connection_lost(self, error):
        self.pending.discard(self)
        self.open.discard(self)

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return {"username": username, "password": password} == _LOGIN


class _Files(asyncssh.SFTPServer):
    async def write(self, file, offset, data):
        _, limit, beyond = sys.argv[1:]
        if offset + len(data) <= int(limit):
            return super().write(file, offset, data)
        if beyond == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if beyond == "stall":
            await asyncio.Event().wait()
        raise asyncssh.SFTPFailure(NO_ROOM)


async def _serve(port):
    server = await asyncssh.create_server(
        _Login,
        "127.0.0.1",
        port,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        sftp_factory=_Files,
    )
    print(server.get_port(), flush=True)
    asyncio.get_running_loop().add_reader(sys.stdin, _answer)
    await server.wait_closed()


def _answer():
    """Answer ``logins`` or ``connections`` on stdin with its number; end with stdin."""
    numbers = {"logins": _Login.logins, "connections": len(_Login.open)}
    question = sys.stdin.readline().strip()
    if not question:
        sys.exit()
    print(numbers[question], flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
