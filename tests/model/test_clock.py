from datetime import datetime, timedelta, timezone

import pytest

from state.model.clock import from_person

NOON = datetime(2030, 1, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2030-01-01T12:00:00Z", NOON),
        ("2030-01-01T12:00", NOON),
        ("2030-01-01 14:00+02:00", NOON),
        ("2030-01-01", NOON - timedelta(hours=12)),
        ("2030-01-01T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
        ("2030-01-01T12:00:00.123456789Z", NOON + timedelta(microseconds=123_456)),
    ],
)
def test_a_moment_is_read_as_people_write_it(text, moment):
    assert from_person(text) == moment


def test_a_moment_without_an_offset_is_in_utc():
    assert from_person("2030-01-01T12:00").tzinfo is timezone.utc


@pytest.mark.parametrize("text", ["", "noon", "2030-13-01", "5"])
def test_a_text_that_is_no_moment_is_refused(text):
    with pytest.raises(ValueError, match="isoformat|month"):
        from_person(text)
