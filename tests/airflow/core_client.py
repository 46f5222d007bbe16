"""Call ``apache-airflow-client``; build a body by ``from_dict``, or by its class for ``$new``."""

from functools import lru_cache

import airflow_client.client as airflow
from calls import answer_all


@lru_cache
def connect(url, token):
    return airflow.ApiClient(airflow.Configuration(host=url, access_token=token))


def call(request):
    api_name, _, name = request["method"].partition(".")
    api = getattr(airflow, api_name)
    if name == "*":
        return {"value": methods(api)}
    try:
        answer = getattr(api(connect(request["url"], request["token"])), name)(
            **arguments(request["kwargs"])
        )
    except airflow.ApiException as error:
        return {"raised": type(error).__name__, "status": error.status, "text": error.body}
    return {"value": answer.model_dump() if hasattr(answer, "model_dump") else answer}


def methods(api):
    """Return the public methods, without the two variants that each of them has."""
    return [
        name
        for name in vars(api)
        if not name.startswith("_") and not name.endswith(("_info", "_content"))
    ]


def arguments(members):
    return {
        name: body(name, value) if name.endswith("_body") else value
        for name, value in members.items()
    }


def body(name, members):
    model = getattr(airflow, name.title().replace("_", ""))
    return model(**members["$new"]) if "$new" in members else model.from_dict(members)


answer_all(call)
