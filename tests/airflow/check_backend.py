"""Run the conformance kit on a backend in Airflow's environment; print outcomes as JSON."""

import json
import sys

from state.backends.hooks import import_class
from state.conformance import report, run
from state.conformance.samples import CHECKS

cls = import_class(sys.argv[1])
results = run(CHECKS, cls, sys.argv[1], (sys.argv[1], {}))
print(report.text(sys.argv[1], results))
print(json.dumps({result.check.name: result.outcome for result in results}))
