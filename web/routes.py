"""Which rule a path leads to, remembered: a look through hundreds of rules is a sixth of a GET."""

from __future__ import annotations

from typing import Any, cast

from werkzeug.routing import Map, MapAdapter, Rule

_REMEMBERED = 4096  # paths
_LONG = 300  # letters; longer paths are looked up each time
Found = tuple[Rule, dict[str, Any]]


class Routes(Map):
    """Rules, which do not change once requests are served, and where the paths of late led."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known: dict[tuple[str, str], Found] = {}

    def remember(self, place: tuple[str, str], found: Found) -> None:
        if len(self.known) >= _REMEMBERED:
            self.known.clear()
        self.known[place] = found


class Adapter(MapAdapter):
    """A look-up of one request in :class:`Routes`."""

    def match(self, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs != {"return_rule": True}:  # not how Flask asks for a request's own rule
            return super().match(*args, **kwargs)
        routes, place = cast(Routes, self.map), (self.default_method, self.path_info)
        found = routes.known.get(place)
        if found is None:
            found = cast(Found, super().match(return_rule=True))
            if len(self.path_info) <= _LONG:
                routes.remember(place, found)
        rule, values = found
        return rule, dict(values)
