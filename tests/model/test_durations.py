"""Spans of time as people write them."""

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
