"""Each instance of a mapped task has its own state; one that fails loses no other's progress."""

import pytest

PAGES = {"north": 3, "south": 2, "west": 4}


class TooManyRequests(Exception):
    """The server refuses more requests for now."""


def crawl(region, budget, task_state_store, **_):
    """The task, mapped over regions: continue after the last fetched page."""
    for page in range(task_state_store.get("page", 0) + 1, PAGES[region] + 1):
        if budget == 0:
            raise TooManyRequests
        budget -= 1
        task_state_store.set("page", page)
    return task_state_store.get("page")


@pytest.fixture
def crawlers(stateroom):
    """The accessors of the mapped task's instances."""
    return {
        region: stateroom.task("web", "crawl", map_index=index)
        for index, region in enumerate(PAGES)
    }


def test_a_region_resumes_where_it_stopped(stateroom, crawlers):
    with pytest.raises(TooManyRequests):
        crawl("west", 3, crawlers["west"])
    assert stateroom.state == {"web/crawl[2]": {"page": 3}}
    assert crawl("west", 1, crawlers["west"].retry()) == 4


def test_the_regions_do_not_see_each_other(stateroom, crawlers):
    for region, crawler in crawlers.items():
        crawl(region, 10, crawler)
    assert stateroom.state == {
        f"web/crawl[{index}]": {"page": pages} for index, pages in enumerate(PAGES.values())
    }


def test_clearing_one_leaves_the_others(stateroom, crawlers):
    for region, crawler in crawlers.items():
        crawl(region, 10, crawler)
    crawlers["south"].clear()
    assert sorted(stateroom.state) == ["web/crawl[0]", "web/crawl[2]"]


def test_a_test_can_wait_for_the_key_of_one_task(stateroom, crawlers):
    crawl("north", 10, crawlers["north"])
    assert stateroom.wait_for("page", lambda page: page == 3, of=crawlers["north"]) == 3
