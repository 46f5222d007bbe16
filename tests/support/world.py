"""The fixture of the tests' services, its URLs, and its users."""

from state.model import tokens

SECRET = "a secret of the tests, as long as HS512 would like its keys to be, or longer"
TI, MAPPED = (f"019b0000-0000-7000-8000-00000000000{number}" for number in (1, 2))
RUN = "manual__2026-01-01T00:00:00+00:00"
EXTRACT = {"dag_id": "etl", "run_id": RUN, "task_id": "extract"}
WORLD = {
    "dag_runs": [{"dag_id": "etl", "run_id": RUN}],
    "task_instances": [
        {"id": TI, **EXTRACT, "state": "running"},
        {
            "id": MAPPED,
            "dag_id": "etl",
            "run_id": RUN,
            "task_id": "mapped",
            "map_index": 0,
            "state": "running",
        },
    ],
    "assets": [{"id": 1, "name": "orders", "uri": "s3://bucket/orders"}],
    "task_state_store": [{**EXTRACT, "key": "job_id", "value": "job-42"}],
    "asset_state_store": [{"asset": "orders", "key": "watermark", "value": "2026-01-01"}],
}
TASK_KEY = f"/execution/store/ti/{TI}/job_id"
ASSET_KEY = "/execution/store/asset/by-name/value?name=orders&key=watermark"
CORE_TASK = f"/api/v2/dags/etl/dagRuns/{RUN}/taskInstances/extract/state-store"
CORE_ASSET = "/api/v2/assets/1/state-store"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def admin(secret=SECRET):
    return bearer(tokens.for_role(secret, "admin"))
