"""The conformance kit: checks of a state backend.

The modules ``check_*`` define the checks; ``stateroom check`` and ``state.testing.BackendContract``
run them. A check calls the backend as Stateroom and Airflow do: through accessors over a real
database, from other attempts, from other processes, and from processes that are killed.
"""

# the order of these imports is the order of the checks in the report
from . import check_values  # noqa: F401, I001
from . import check_references  # noqa: F401
from . import check_scopes  # noqa: F401
from . import check_lifecycle  # noqa: F401
from . import check_concurrency  # noqa: F401
from .harness import Harness as Harness
from .deadline import Failed as Failed
from .harness import NotApplicable as NotApplicable
from .samples import CHECKS as CHECKS
from .runner import Check as Check
from .runner import Result as Result
from .runner import run as run
from .runner import run_one as run_one
