"""Spans of time as people write and read them."""

import pytest

from state.model import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1.5h", 5400),
        ("31d", 2_678_400),
        ("1d12h", 129_600),
        ("-30m", -1800),
        ("2w", 1_209_600),
    ],
)
def test_a_written_span_is_read(text, seconds):
    assert durations.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "d", "1 d", "1y", "--1d", "1d-2h", "١d", "1d\n"])
def test_anything_else_is_refused_with_examples(text):
    with pytest.raises(ValueError, match="write 90s, 30m"):
        durations.parse(text)


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
    assert durations.words(seconds) == words
