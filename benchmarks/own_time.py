"""The app's own processor time for a call, without a server, beside that of an empty Flask route.

python -m benchmarks.own_time
"""

from __future__ import annotations

import random
import statistics
import tempfile

from flask import Flask

from app import create_app

from .faults import BODY, KEY, TURNS, cost
from .support.servers import FIXTURE
from .support.verdict import verdict

GOALS = {"GET": 1.8, "PUT": 2.6}  # times the empty route's


def empty_route() -> Flask:
    """An app with one route, which does nothing."""
    app = Flask(__name__)

    @app.route(KEY, methods=["GET", "PUT"])
    def nothing() -> str:
        return ""

    return app


def stateroom(folder: str) -> Flask:
    """An app on a database file, which holds one key."""
    app = create_app({"db": f"{folder}/own_time.db"})
    client = app.test_client()
    client.put("/_stateroom/fixture", json=FIXTURE)
    client.put(KEY, data=BODY, content_type="application/json")
    return app


def compare(apps: dict[str, Flask], turns: int = TURNS) -> dict[str, dict[str, float]]:
    """Microseconds of processor time for a call of each method, in turns."""
    costs = {}
    for method in GOALS:
        seen: dict[str, list[float]] = {name: [] for name in apps}
        for _ in range(turns):
            for name in random.sample(list(apps), len(apps)):
                seen[name].append(cost(apps[name], method))
        costs[method] = {name: statistics.median(times) for name, times in seen.items()}
    return costs


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        apps = {"empty route": empty_route(), "Stateroom": stateroom(folder)}
        for method, costs in compare(apps).items():
            ratio = costs["Stateroom"] / costs["empty route"]
            print(
                f"{method}: {costs['Stateroom']:.0f} µs, the empty route "
                f"{costs['empty route']:.0f} µs: {ratio:.2f} times (goal {GOALS[method]}): "
                f"{verdict(ratio <= GOALS[method])}"
            )
        apps["Stateroom"].extensions["stateroom"].store.close()


if __name__ == "__main__":
    main()
