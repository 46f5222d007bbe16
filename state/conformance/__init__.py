"""The conformance kit: the checks that tell a good state backend from a bad one.

The list of checks stands once, in the modules ``check_*``; ``stateroom check`` and ``state.testing.BackendContract``
run it. A check drives the backend as Stateroom and Airflow do: through accessors over a real database, from other
attempts, from other processes, and from processes that are killed half-way.
"""

from . import check_values, check_references, check_scopes, check_life, check_company  # noqa: F401, I001 - their order is the report's
from .bench import Bench as Bench
from .bench import Failed as Failed
from .bench import NotApplicable as NotApplicable
from .common import CHECKS as CHECKS
from .run import Check as Check
from .run import Result as Result
from .run import run as run
from .run import run_one as run_one
