"""Valid names of namespaces and snapshots."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from ..errors import InvalidName

NAMESPACE_PREFIX = "/ns/"  # in a path, before a namespace's name
HIDDEN = "~"  # begins the name of what nobody is to see; no valid name does
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


def check_name(name: str, what: str = "name") -> str:
    """Return a valid name as it is; it needs no quoting in a path.

    :param what: how the error calls it, such as ``snapshot name``.
    :raises InvalidName: with the rule.
    """
    if not _NAME.fullmatch(name):
        raise InvalidName(name, what)
    return name


def name_before(what: str) -> str:
    """The name of a snapshot that is taken now, to return to.

    :param what: is going to be done: ``before-clear-20260131T180000.123Z`` for ``clear``.
    """
    moment = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    stamp = moment.partition("+")[0].replace("-", "").replace(":", "")
    return f"before-{what}-{stamp}Z"
