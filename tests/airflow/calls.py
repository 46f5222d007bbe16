"""Run in Airflow's environment: read calls as JSON lines, write results as JSON lines."""

import json
import sys
import traceback
from datetime import datetime


def answer_all(call):
    """Answer until the input ends; what Airflow prints is sent to standard error."""
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        print(_answer(call, json.loads(line, object_hook=_moment)), file=answers, flush=True)


def _answer(call, request):
    try:
        return json.dumps(call(request), default=datetime.isoformat)
    except Exception:
        return json.dumps({"crashed": traceback.format_exc()})


def _moment(members):
    return datetime.fromisoformat(members["$moment"]) if list(members) == ["$moment"] else members
