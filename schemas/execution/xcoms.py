"""XComs."""

from __future__ import annotations

from marshmallow import fields

from ..base import BareBody, Parameters, StrictSchema
from ..fields.airflow import AnyJson, Integer, Text, Truth


class XComPath(Parameters):
    """An XCom's key; two checks of Airflow's look at it."""

    dag_id = Text(required=True)
    run_id = Text(required=True)
    task_id = Text(required=True)
    key = Text(least=1, times=2, required=True)


class XComItemPath(XComPath):
    """One of an XCom's values over all map indices; from the end if the offset is negative."""

    offset = Integer(required=True)


class XComHeadPath(XComPath):
    """An XCom's key, to count its values."""

    key = Text(least=1, required=True)


class XComHeadQuery(Parameters):
    """A map index, which is refused."""

    map_index = Integer(times=2, load_default=None)


class XComQuery(Parameters):
    """Which of an XCom's values: that of a map index, or by an offset in all of them."""

    map_index = Integer(load_default=-1)
    include_prior_dates = Truth(load_default=False)
    offset = Integer(load_default=None)


class XComSliceQuery(Parameters):
    """Which of an XCom's values over all map indices, as in a slice of a list."""

    start = Integer(load_default=None)
    stop = Integer(load_default=None)
    step = Integer(load_default=None)
    include_prior_dates = Truth(load_default=False)


class XComSetQuery(Parameters):
    """Where an XCom is set, and over how many task instances a task can be mapped by it."""

    map_index = Integer(load_default=-1)
    dag_result = Truth(load_default=False)
    mapped_length = Integer(load_default=None)


class XComDeleteQuery(Parameters):
    """The map index of the XCom to delete."""

    map_index = Integer(load_default=-1)


class XComValue(BareBody):
    """An XCom's value; no body is null."""

    value = AnyJson()


class XComResponse(StrictSchema):
    """An XCom, as tasks see it."""

    key = fields.Str(required=True)
    value = fields.Raw(required=True, allow_none=True)


class XComMessage(StrictSchema):
    """The XCom was set or deleted."""

    message = fields.Str(required=True)
