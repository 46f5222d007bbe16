"""Make a call of a backend in a new process: ``python -m state.conformance.child``.

Standard input has the :class:`~state.conformance.call.Call`, standard output gets the reference,
both as JSON.
"""

from __future__ import annotations

import json
import os
import sys

from .call import Call


def main() -> None:
    call = Call.from_json(sys.stdin.read())
    sys.path[:0] = call.paths
    os.chdir(call.folder)
    print(json.dumps(call.reference()))


if __name__ == "__main__":
    main()
