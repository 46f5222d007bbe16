"""The pages of the Core API's lists."""

from __future__ import annotations

from typing import Any

from ...service import setting


def page_size(parameters: dict[str, Any]) -> int:
    """The number of rows of a page, at most ``maximum_page_limit``."""
    return int(min(parameters["limit"], setting("maximum_page_limit")))
