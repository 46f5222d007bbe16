"""Words for people: lengths of time, sizes, previews and addresses."""

from datetime import timedelta

import pytest
from flask import g

from state.model.clock import Clock, to_text
from web.pages.formatting import address, json_type, preview, size, tree, until


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5400, "in 1 hour 30 minutes"),
        (90.4, "in 1 minute 30 seconds"),
        (0.001, "in less than a second"),
        (0, "in less than a second"),
        (-0.001, "expired less than a second ago"),
        (-60, "expired 1 minute ago"),
    ],
)
def test_an_expiry_is_shown_from_now(app, seconds, words):
    now = Clock().now()
    with app.app_context():
        g.now = now
        assert until(to_text(now + timedelta(seconds=seconds))) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (65_535, "64.0 KiB"),
        (5 * 2**20, "5.0 MiB"),
        (2**31, "2.0 GiB"),
    ],
)
def test_a_size_is_shown_in_one_unit(number, words):
    assert size(number) == words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('"\\u05e9\\u05dc"', '"של"'),
        ('"\\ud83c\\udf0a"', '"🌊"'),
        ('"\\ud83c"', '"\\ud83c"'),
        ('"\\u0007\\u202"', '"\\u0007\\u202"'),
        ('"\\\\u05e9"', '"\\\\u05e9"'),
        ('"abcdefghijklmnop"', '"abcdefghijk…'),
        ('"\\u05e', '"…'),
    ],
)
def test_a_preview_reads_as_text(text, shown):
    assert preview(text, 13) == shown


@pytest.mark.parametrize(
    ("ref", "shown"),
    [
        ("s3://bucket/key", "s3://bucket/key"),
        ("file:///" + "a/" * 40 + "cursor/" + "f" * 64, "file://…/a/cursor/ffffffffff…"),
        ("/values/" + "a/" * 40 + "cursor/" + "f" * 64, "…/a/cursor/ffffffffff…"),
        ("x" * 100, "x" * 28 + "…" + "x" * 28),
    ],
)
def test_an_address_keeps_its_end(ref, shown):
    assert address(ref) == shown


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"a"', "object"),
        ("[1", "array"),
        ('"', "text"),
        ("true", "boolean"),
        ("-1", "number"),
        ("null", "null"),
    ],
)
def test_a_type_is_known_from_the_beginning(text, kind):
    assert json_type(text) == kind


def nodes(node):
    return 1 + sum(nodes(child) for child in node.get("children", []))


@pytest.mark.parametrize(
    "text", ["[" + "1," * 5000 + "1]", "[" * 300 + "]" * 300, '{"a": "' + "x" * 9000 + '"}']
)
def test_a_tree_is_bounded_and_says_what_it_leaves_out(text):
    root = tree(text)["root"]
    assert nodes(root) <= 401
    while root.get("children"):
        if root.get("more"):
            break
        root = root["children"][-1]
    assert root["more"] > 0


@pytest.mark.parametrize(
    ("text", "why"), [('"' + "x" * 3_000_000 + '"', "large"), ("[" * 100_000, "deeply nested")]
)
def test_a_text_that_is_not_a_tree_shows_its_beginning(text, why):
    assert tree(text) == {"beginning": text[:4000], "why": why}


@pytest.mark.parametrize("cut", ["\\", "\\u", "\\u06", "\\ud83d", "\\ud83d\\", "\\ud83d\\ude9"])
def test_an_escape_that_was_cut_in_two_is_left_out(cut):
    assert preview(f'"a\\\\{cut}', 200) == '"a\\\\…'
