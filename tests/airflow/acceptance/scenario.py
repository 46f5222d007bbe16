"""The list of scenarios, and what each is given."""

from __future__ import annotations

from pathlib import Path

from driven_server import Server
from supervised import Sdk

CORE, EXTRA = [], []


def scenario(fn=None, *, extra=False):
    def add(f):
        (EXTRA if extra else CORE).append(f)
        return f

    return add(fn) if fn else add


class Ctx:
    def __init__(self, server: Server, sdk: Sdk, scratch: Path, out: Path):
        self.server, self.sdk, self.scratch, self.out = server, sdk, scratch, out
        self.notes: list[str] = []
