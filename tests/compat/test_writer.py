"""The writer of an asset's entry in Airflow 3.4: the attempt, too."""

from state.model import tokens
from tests.support.world import ASSET_KEY, CORE_ASSET, EXTRACT, TI, bearer

KEY = f"{CORE_ASSET}/watermark"


def written_by(client, ti_id):
    token = tokens.make("s" * 64, tokens.EXECUTION_AUDIENCE, {"sub": ti_id}, 600)
    answer = client.put(ASSET_KEY, json={"value": 1}, headers=bearer(token))
    assert answer.status_code == 204, answer.text


def test_the_attempt_that_wrote_is_told(world):
    written_by(world, TI)
    writer = world.get(KEY).json["last_updated_by"]
    assert writer == {
        "kind": "task",
        **EXTRACT,
        "map_index": -1,
        "task_instance_id": TI,
        "try_number": 1,
    }


def test_it_stays_the_writer_when_another_has_followed(world):
    written_by(world, TI)
    assert world.post("/_stateroom/task-instances", json=EXTRACT).status_code == 201
    (entry,) = world.get(CORE_ASSET).json["asset_state_store"]
    assert entry["last_updated_by"]["task_instance_id"] == TI
    assert entry["last_updated_by"]["try_number"] == 1


def test_of_another_writer_there_is_none(world):
    writer = world.get(KEY).json["last_updated_by"]
    assert writer["kind"] == "api"
    assert writer["task_instance_id"] is None
    assert writer["try_number"] is None


def test_a_former_attempt_is_the_writer_after_an_export_too(world):
    written_by(world, TI)
    assert world.post("/_stateroom/task-instances", json=EXTRACT).status_code == 201
    document = world.get("/_stateroom/fixture").json
    assert world.post("/_stateroom/reset").status_code == 204
    assert world.put("/_stateroom/fixture?strict=true", json=document).status_code == 204
    assert world.get(KEY).json["last_updated_by"]["task_instance_id"] == TI
