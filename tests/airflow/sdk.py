"""Call the Task SDK's own client, as a task's worker does."""

from functools import lru_cache
from operator import attrgetter

from airflow.sdk.api import client
from calls import answer_all

httpx = getattr(client, "httpx2", None) or client.httpx  # Airflow 3.4 has httpx2


@lru_cache
def connect(base_url, token):
    return client.Client(base_url=base_url, token=token)


def call(request):
    method = attrgetter(request["method"])(
        connect(request["url"] + "/execution/", request["token"])
    )
    try:
        answer = method(*request["args"], **request["kwargs"])
    except httpx.HTTPStatusError as error:
        return {
            "raised": type(error).__name__,
            "status": error.response.status_code,
            **facts(error.response),
        }
    except httpx.RequestError as error:
        return {"raised": type(error).__name__, "text": str(error)}
    if isinstance(answer, httpx.Response):
        return {"status": answer.status_code, **facts(answer)}
    return {"class": type(answer).__name__, **answer.model_dump(mode="json")}


def facts(response):
    try:
        text = response.text
    except httpx.ResponseNotRead:  # the SDK reads errors only if they are exactly application/json
        text = None
    return {"content_type": response.headers.get("content-type"), "text": text}


answer_all(call)
