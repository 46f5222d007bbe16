"""A served Stateroom whose state tests set and look at."""

import requests


class Service:
    """A served Stateroom whose state a test sets and looks at.

    :param headers: of an admin, if it has a secret.
    """

    def __init__(self, url, headers=()):
        self.url = url
        self._headers = dict(headers)

    def call(self, method, path, **kwargs):
        headers = {**self._headers, **kwargs.pop("headers", {})}
        answer = requests.request(method, self.url + path, headers=headers, **kwargs)
        assert answer.ok, answer.text
        return answer

    def begin_with(self, document):
        self.call("POST", "/_stateroom/reset?to=empty")
        self.call("PUT", "/_stateroom/fixture?strict=1", json=document)

    def holds(self):
        """All that it holds, as a fixture document."""
        return self.call("GET", "/_stateroom/fixture").json()

    def entries(self, name="task_state_store"):
        """The values of one kind of entries, by their keys."""
        return {row["key"]: row["value"] for row in self.holds()[name]}

    def all_entries(self):
        """Its entries of task instances, as a fixture document has them."""
        return self.holds()["task_state_store"]
