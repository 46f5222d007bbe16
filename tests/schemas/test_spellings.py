"""The spellings of numbers, moments and ids that pydantic 2.14 takes; each pair was asked of
pydantic itself.
"""

import pytest
from marshmallow import ValidationError

from schemas.fields.airflow import Integer, JsonValue, Truth, UtcDateTime, Uuid4
from schemas.fields.task_states import Duration, Number

TI = "019b0000-0000-7000-8000-000000000001"


def fault(field, value):
    with pytest.raises(ValidationError) as raised:
        field.deserialize(value)
    return raised.value.messages[0].type


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+1", 1),
        ("01", 1),
        ("1.0", 1),
        ("1_0", 10),
        ("\xa01\u2003", 1),
        ("0" * 5000 + "7", 7),
        ("-0.00", 0),
    ],
)
def test_integer_reads(text, number):
    assert Integer().deserialize(text) == number


@pytest.mark.parametrize(
    "text", ["", "1.", "1.5", "1e2", "1__0", "_1", "\x1f1", "\u0661", "0x1", "0-1", "+-1"]
)
def test_integer_refuses(text):
    assert fault(Integer(), text) == "int_parsing"


def test_integer_beyond_4300_digits_is_too_long():
    assert fault(Integer(), "1" * 4301) == "int_parsing_size"


@pytest.mark.parametrize("text", ["", " true", "2", "1.0", "ye\u017f"])
def test_truth_refuses(text):
    assert fault(Truth(), text) == "bool_parsing"


@pytest.mark.parametrize("text", [TI.upper(), TI.replace("-", ""), f"{{{TI}}}", f"urn:uuid:{TI}"])
def test_uuid_reads(text):
    assert Uuid4().deserialize(text) == TI


@pytest.mark.parametrize(
    "text", ["", TI[:-1], f"{TI}\n", f"URN:UUID:{TI}", f"{{{TI.replace('-', '')}}}", f"-{TI}"]
)
def test_uuid_refuses(text):
    assert fault(Uuid4(), text) == "uuid_parsing"


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        (20000000000, "2603-10-11T11:33:20+00:00"),
        (20000000000.5, "1970-08-20T11:33:20.000500+00:00"),
        (-20000000000.5, "1969-05-14T12:26:39.999500+00:00"),
        (5e-07, "1970-01-01T00:00:00.000001+00:00"),
        ("1893456000.123456", "2030-01-01T00:00:00.123456+00:00"),
        ("2030-01-01 00:00:00,5z", "2030-01-01T00:00:00.500000+00:00"),
    ],
)
def test_moment_reads(given, moment):
    assert UtcDateTime().deserialize(given).isoformat() == moment


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("0000-01-01T00:00:00Z", "datetime_parsing"),
        ("-62135596800001", "datetime_parsing"),
        ("0000-01-01", "timezone_aware"),
        ("0000-13-01", "datetime_from_date_parsing"),
        (-62167219200001, "datetime_parsing"),
        (None, "datetime_type"),
    ],
)
def test_moment_refuses(given, kind):
    assert fault(UtcDateTime(), given) == kind


@pytest.mark.parametrize(
    ("given", "kind"),
    [("x", "time_delta_parsing"), ("1", "time_delta_parsing"), ([], "time_delta_type")],
)
def test_duration_refuses(given, kind):
    assert fault(Duration(), given) == kind


@pytest.mark.parametrize(("given", "kind"), [("x", "float_parsing"), ([], "float_type")])
def test_number_refuses(given, kind):
    assert fault(Number(), given) == kind


def nested(depth, leaf):
    for _ in range(depth):
        leaf = [leaf]
    return leaf


@pytest.mark.parametrize(("depth", "leaf"), [(253, 1), (253, [])])
def test_value_may_be_254_deep(depth, leaf):
    assert JsonValue().deserialize(nested(depth, leaf)) is not None


def test_too_deep_value_names_each_place():
    with pytest.raises(ValidationError) as raised:
        JsonValue().deserialize(nested(253, [1, 2]))
    assert [problem.loc[-1] for problem in raised.value.messages] == [0, 1]
