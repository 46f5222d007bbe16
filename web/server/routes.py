"""URL rules, with a cache of matched paths."""

from __future__ import annotations

from typing import Any, cast

from werkzeug.routing import Map, MapAdapter, Rule

_REMEMBERED = 4096  # paths
_LONG = 300  # letters; longer paths are looked up each time
Match = tuple[Rule, dict[str, Any]]


class Routes(Map):
    """URL rules, with a cache of matched paths; they do not change once requests are served."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known: dict[tuple[str, str], Match] = {}

    def remember(self, method: str, path: str, match: Match) -> None:
        if len(self.known) >= _REMEMBERED:
            self.known.clear()
        self.known[method, path] = match


class Adapter(MapAdapter):
    """A look-up of one request in :class:`Routes`."""

    def match(self, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs != {"return_rule": True}:  # not how Flask asks for a request's own rule
            return super().match(*args, **kwargs)
        routes = cast(Routes, self.map)
        match = routes.known.get((self.default_method, self.path_info))
        if match is None:
            match = cast(Match, super().match(return_rule=True))
            if len(self.path_info) <= _LONG:
                routes.remember(self.default_method, self.path_info, match)
        rule, values = match
        return rule, dict(values)
