"""The envelope around a reference, as a schema; :mod:`state.model.envelope` reads and writes it."""

from __future__ import annotations

from state.model.envelope import MARKER

from .base import StrictSchema
from .fields.airflow import Text

Envelope = StrictSchema.from_dict({MARKER: Text(least=1, required=True)}, name="Envelope")
