"""Whether a log that is served is as long as its index says.

Only SQLite knows who may truncate a log: a checkpoint of this process or of another program. Both
write the new length into the index first, and a log without all of its frames damages the database
with the next checkpoint.
"""

from __future__ import annotations

import os
import struct

_HEADER = 48  # bytes, which the index has twice: https://sqlite.org/walformat.html
_FACTS = struct.Struct("=14xHI")  # the size of a page, and the number of frames
_LOG_HEADER = 32  # bytes
_FRAME_HEADER = 24  # bytes


class LogIndex:
    """The log of a database file and the log's index, both kept open.

    SQLite's locks lie on the index, and a process loses them with the first descriptor that is
    closed: :meth:`close` is called after every connection was closed.

    :param path: of the database file.
    :raises OSError: if one of the two cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._log = os.open(f"{path}-wal", os.O_RDONLY)
        try:
            self._index = os.open(f"{path}-shm", os.O_RDONLY)
        except OSError:
            os.close(self._log)
            raise
        self._last_size = 0  # of a log that was long enough

    def is_log_short(self) -> bool:
        if 0 < self._last_size == self._size():
            return False  # a log that was begun anew keeps its size
        header = self._header()
        size = self._size()  # after the header, which a commit writes last
        if not header or header != self._header():
            return False  # both are being changed; the next call looks again
        if size < _length(header):
            return True
        self._last_size = size
        return False

    def _size(self) -> int:
        return os.fstat(self._log).st_size

    def _header(self) -> bytes:
        """The header of the index; empty while it is being written."""
        headers = os.pread(self._index, 2 * _HEADER, 0)
        if headers[:_HEADER] != headers[_HEADER:]:
            return b""
        return headers[:_HEADER]

    def close(self) -> None:
        os.close(self._log)
        os.close(self._index)


def _length(header: bytes) -> int:
    """The bytes that a log has at least."""
    size, frames = _FACTS.unpack_from(header)
    if not frames:
        return 0
    if size == 1:  # 65,536 does not fit
        size = 2**16
    return int(_LOG_HEADER + frames * (_FRAME_HEADER + size))
