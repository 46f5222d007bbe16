"""The picture of a timeline: what is in it, and that no word covers another."""

import re
import xml.etree.ElementTree as ET

import pytest

from state import picture
from state.picture import Mark

SVG = "{http://www.w3.org/2000/svg}"
MARKS = [
    Mark(
        0, "attempt 1", "read", "get job_id", "10:00: attempt 1, get job_id", "/journal/event?seq=1"
    ),
    Mark(1, "attempt 1", "write", "set job_id", "10:01"),
    Mark(2, "attempt 2", "bad", "set a_key_with_a_name_that_is_long", "<&>"),
    Mark(2 + 31 * 86_400, "attempt 2", "time", "clock", "a month later"),
]


def drawn():
    return ET.fromstring(picture.draw(MARKS, "What happened"))


def texts(tree, kind):
    return [each.text for each in tree.iter(f"{SVG}text") if each.get("class") == kind]


def test_each_lane_has_its_name():
    assert texts(drawn(), "lane") == ["attempt 1", "attempt 2"]


def test_each_mark_has_a_word_and_a_sentence():
    groups = list(drawn().iter(f"{SVG}g"))
    words = [each.find(f"{SVG}text").text for each in groups]
    assert words == ["get job_id", "set job_id", "set a_key_with_a_name…", "clock"]
    assert [each.find(f"{SVG}title").text for each in groups][2] == "<&>"


def test_a_mark_leads_somewhere():
    (link,) = drawn().iter(f"{SVG}a")
    assert link.get("href") == "/journal/event?seq=1"


def test_the_axis_says_how_long_nothing_happened():
    assert texts(drawn(), "gap") == ["+1 s", "+1 s", "+31 d"]


def test_the_axis_says_when_it_was_after_each_gap():
    times = ["00:00:00.000", "00:00:01.000", "00:00:02.000", "00:00:02.000"]
    assert texts(drawn(), "when") == times
    assert texts(drawn(), "day") == ["1970-01-01 UTC", "1970-02-01 UTC"]


def test_no_time_of_the_axis_covers_another():
    places = [float(each.get("x")) for each in drawn().iter(f"{SVG}text") if is_day_or_time(each)]
    assert min(b - a for a, b in zip(places, places[1:], strict=False) if b != a) > 90
    assert float(drawn().get("width")) >= max(places) + 45


def is_day_or_time(text):
    return text.get("class") in ("day", "when")


def test_a_time_leads_to_the_namespace_as_it_was_then():
    mark = MARKS[1]._replace(then="/then?seq=2")
    (link,) = ET.fromstring(picture.draw([mark], "What happened")).iter(f"{SVG}a")
    assert link.get("href") == "/then?seq=2"
    assert link.find(f"{SVG}text").get("class") == "when"


def test_a_long_lane_repeats_its_name_and_the_time():
    marks = [Mark(n / 10, "attempt 1", "write", "set job_id", "") for n in range(30)]
    marks.append(Mark(3, "attempt 2", "write", "set job_id", ""))
    tree = ET.fromstring(picture.draw(marks, "What happened"))
    names = [each for each in tree.iter(f"{SVG}text") if each.get("class") == "again"]
    assert {each.text for each in names} == {"attempt 1"}
    places = [0, *(float(each.get("x")) for each in names), float(tree.get("width"))]
    assert max(b - a for a, b in zip(places, places[1:], strict=False)) < 360
    assert len(texts(tree, "when")) > 5


def test_no_word_covers_another():
    spans = []
    for group in drawn().iter(f"{SVG}g"):
        place = float(re.search(r"translate\((\S+)", group.get("transform"))[1])
        half = len(group.find(f"{SVG}text").text) * 3.2
        spans.append((place - half, place + half))
    assert all(left[1] <= right[0] for left, right in zip(spans, spans[1:], strict=False))


def test_without_marks_there_is_the_note():
    tree = ET.fromstring(picture.draw([], "What happened", "nothing has happened yet"))
    assert [each.text for each in tree.iter(f"{SVG}text")] == ["nothing has happened yet"]


def test_it_has_both_colours():
    assert "prefers-color-scheme: dark" in picture.draw(MARKS, "What happened")


@pytest.mark.parametrize(
    ("op", "outcome", "status", "kind"),
    [
        ("get", None, 200, "read"),
        ("get", "key_not_found", 404, "miss"),
        ("set", None, 204, "write"),
        ("set", None, 404, "bad"),
        ("get", "closed", None, "bad"),
        ("fault", None, 503, "bad"),
        ("state", None, 204, "state"),
        ("clock", None, None, "time"),
    ],
)
def test_the_kind_of_a_mark_is_that_of_its_event(op, outcome, status, kind):
    assert picture.kind_of(op, outcome, status) == kind
