"""Read pages and send their forms, without a browser."""

from __future__ import annotations

import html
import re

TASK = "/task?dag_id=etl&run_id=manual__2026-01-01T00:00:00%2B00:00&task_id=extract"
KEY = TASK.replace("/task", "/key") + "&key="
RAW = TASK.replace("/task", "/key/raw") + "&key="
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def text_of(answer):
    """Return the visible text: no tags, no repeated blanks."""
    body = re.sub(r"<head>.*?</head>", "", answer.get_data(as_text=True), flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def form_token(answer):
    match = re.search(r'name="csrf" value="([^"]+)"', answer.get_data(as_text=True))
    return match[1]


def send(client, path, **fields):
    """Send a form with the session's token, and follow redirects."""
    token = form_token(client.get("/bench"))
    return client.post(path, data={"csrf": token, **fields}, follow_redirects=True)
