"""An open page follows what happens: counts, rows, relative times; what a person types stays."""

import pytest

from state.client.stateroom import Stateroom
from tests.support.space import EXTRACT


def seq_of(page):
    return page.locator("main [data-seq]").first.get_attribute("data-seq")


def test_counts_and_lists_of_the_overview_follow(space, open_page):
    ti = space.task()
    space.write(ti, "cursor", 1)
    page = open_page(space.url + "/?show=keys")
    space.write(ti, "job_id", "job-4711")
    page.wait_for_selector("table.keys >> text=job_id", timeout=5000)
    assert page.locator(".tabs [aria-current]").inner_text() == "Keys 2"
    assert page.locator(".events .key").first.inner_text() == "job_id"
    assert page.locator("#dot-word").inner_text() == "live"


def test_a_value_its_history_and_its_picture_follow(space, open_page):
    ti = space.task()
    space.write(ti, "cursor", {"page": 1})
    page = open_page(space.key_page("cursor"))
    width = page.locator("object").bounding_box()["width"]
    space.write(ti, "cursor", {"page": 7000})
    page.wait_for_selector(".tree >> text=7000", timeout=5000)
    assert page.locator("table.history tbody tr").count() == 2
    for _ in range(50):
        page.wait_for_timeout(100)
        if page.locator("object").first.bounding_box()["width"] > width:
            break
    assert page.locator("object").first.bounding_box()["width"] > width


def test_the_page_of_a_task_shows_a_new_attempt(space, open_page):
    with Stateroom(space.url) as stateroom:
        first = stateroom.task(**EXTRACT)
        first.set("cursor", 1)
        page = open_page(space.task_page())
        first.retry()
        page.wait_for_selector("table.attempts >> text=superseded", timeout=5000)
        assert page.locator("table.attempts tbody tr").count() == 2


def test_a_fault_and_a_moved_clock_appear_in_the_header(space, open_page):
    page = open_page(space.url + "/bench")
    with Stateroom(space.url) as stateroom:
        stateroom.faults.add("set", status=503)
        page.wait_for_selector("header >> text=1 fault", timeout=15_000)
        stateroom.clock.advance("31d")
        page.wait_for_selector("header >> text=clock moved", timeout=5000)


def test_relative_times_are_renewed_without_an_event(space, open_page):
    space.write(space.task(), "cursor", 1)
    page = open_page(space.key_page("cursor"))
    assert page.get_by_text("just now").count()
    page.wait_for_selector(".facts >> text=seconds ago", timeout=15_000)


def test_the_journal_adds_rows_until_it_is_paused(space, open_page):
    ti = space.task()
    page = open_page(space.url + "/journal?op=set")
    space.write(ti, "cursor", 1)
    page.wait_for_selector("table.journal >> text=cursor", timeout=5000)
    assert seq_of(page) == str(space.last_event())
    page.get_by_role("button", name="Pause").click()
    last = seq_of(page)
    space.write(ti, "cursor", 2)
    page.wait_for_timeout(1000)
    assert seq_of(page) == last
    page.get_by_role("button", name="Resume").click()
    page.wait_for_selector(f"tr[data-seq='{space.last_event()}']", timeout=5000)


@pytest.fixture
def edited(space, open_page):
    """A page of a key with an edit under way, that has met another write."""
    ti = space.task()
    space.write(ti, "cursor", {"page": 1})
    page = open_page(space.key_page("cursor"))
    page.get_by_role("heading", name="Edit").click()
    page.get_by_label("Value, as JSON").fill('{"page": 2}')
    space.write(ti, "cursor", {"page": 7000})
    page.wait_for_selector(".tree >> text=7000", timeout=5000)
    return page


def test_what_is_typed_stays(edited):
    assert edited.get_by_label("Value, as JSON").input_value() == '{"page": 2}'


def test_an_edit_under_way_does_not_hide_another_write(edited):
    edited.get_by_role("button", name="Save").click()
    assert "This key changed while you were editing" in edited.inner_text("main")


def test_a_message_and_its_undo_stay(space, open_page):
    ti = space.task()
    space.write(ti, "cursor", 1)
    page = open_page(space.task_page())
    page.get_by_role("link", name="Clear…").click()
    page.get_by_role("button", name="Clear 1 key").click()
    space.write(ti, "job_id", 1)
    page.wait_for_selector("table.keys >> text=job_id", timeout=5000)
    page.get_by_role("button", name="Undo").click()
    assert "Everything is as it was" in page.inner_text(".notice")


def test_a_page_whose_task_is_gone_says_so(space, open_page):
    space.task()
    page = open_page(space.task_page())
    with Stateroom(space.url) as stateroom:
        stateroom.reset()
    page.wait_for_selector("text=not live: this is gone", timeout=5000)
