"""The conformance kit: checks of a state backend.

The modules ``check_*`` define the checks; ``stateroom check`` and ``state.testing.BackendContract``
run them. A check calls the backend as Stateroom and Airflow do: through accessors over a real
database, from other attempts, from other processes, and from processes that are killed. What
depends on Airflow's version is judged by the one that is named.
"""

# the order of these imports is the order of the checks in the report
from . import check_values  # noqa: F401, I001
from . import check_references  # noqa: F401
from . import check_scopes  # noqa: F401
from . import check_lifecycle  # noqa: F401
from . import check_concurrency  # noqa: F401
from . import check_versions  # noqa: F401
from .harness import Harness as Harness
from .deadline import Failed as Failed
from .harness import NotApplicable as NotApplicable
from .samples import CHECKS as CHECKS
from .check_versions import check_file as check_file
from .runner import Check as Check
from .runner import Result as Result
from .runner import run as run
from .runner import run_one as run_one
from .versions import DEFAULT as DEFAULT
from .versions import VERSIONS as VERSIONS
