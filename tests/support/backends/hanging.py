"""Backends with a call that never ends."""

import asyncio
import os
import re
import threading

from tests.support.backends.broken import Broken

PROCESS = os.getpid()


def hang():
    threading.Event().wait()


class HangsInWrite(Broken):
    def write(self, **call):
        hang()


class HangsInDelete(Broken):
    def delete(self, scope, key, *, session=None):
        hang()


class HangsInAwait(Broken):
    async def adelete(self, scope, key, *, session=None):
        await asyncio.Event().wait()


class HangsInOtherProcesses(Broken):
    def write(self, **call):
        if os.getpid() != PROCESS:
            hang()
        return super().write(**call)


class HangsWhenMade(Broken):
    def __init__(self, root):
        hang()


class HangsWithTheLock(Broken):
    """Keeps Python's other threads from running, as an extension may."""

    def read(self, stored):
        re.match(r"(a+)+$", "a" * 60 + "b")
