"""Numbers of things, and durations, in words."""

import pytest

from state.words import count, duration


@pytest.mark.parametrize(
    ("number", "words"), [(1, "1 key"), (2, "2 keys"), (0, "0 keys"), (12_000, "12,000 keys")]
)
def test_counts_have_a_plural(number, words):
    assert count(number, "key") == words


def test_an_irregular_plural_is_given():
    assert count(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "less than a second"),
        (1, "1 second"),
        (90, "1 minute 30 seconds"),
        (60, "1 minute"),
        (59.4, "59 seconds"),
        (59.6, "1 minute"),
        (179.9, "3 minutes"),
        (3599.7, "1 hour"),
        (86_399.9, "1 day"),
        (-7200, "2 hours"),
        (29.99 * 86_400, "30 days"),
        (2.5 * 31_557_600, "2 years 183 days"),
    ],
)
def test_a_span_is_rounded(seconds, words):
    assert duration(seconds) == words
