"""Numbers of things in words."""

import pytest

from state.model.plurals import count


@pytest.mark.parametrize(
    ("number", "words"), [(1, "1 key"), (2, "2 keys"), (0, "0 keys"), (12_000, "12,000 keys")]
)
def test_counts_have_a_plural(number, words):
    assert count(number, "key") == words


def test_an_irregular_plural_is_given():
    assert count(2, "entry", "entries") == "2 entries"
