"""The base class of all fields."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from .problems import MISSING


class Field(fields.Field[Any]):
    """A field whose standard messages are pydantic's."""

    default_error_messages = {"required": MISSING}

    def openapi(self) -> dict[str, Any]:
        """The JSON Schema of its valid values, for ``/openapi.json``."""
        raise NotImplementedError(f"{type(self).__name__}.openapi")
