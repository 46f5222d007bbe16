"""Every page is accessible at any width, in light and dark, with any values."""

import os
from urllib.parse import urlsplit

import pytest

from state.model import tokens
from state.process import ServerProcess
from tests.pages.test_pages import ADDRESSES
from tests.support.space import EXTRACT, Space
from tests.support.world import SECRET

LONG_KEY = "k" * 512
HOSTILE = "<script>document.title='owned'</script>\"'&"
ARABIC = "مفتاح النص العربي 🌊"
RUNS = {"long": LONG_KEY, "hostile": HOSTILE, "arabic": ARABIC}
MALFORMED = {"__airflow_state_ref__": "", "more": True}


@pytest.fixture(scope="module")
def full(site):
    """A namespace with values of every kind, hostile ones too; tests must not change it."""
    space = Space(site, f"full-{os.getpid()}")
    space.task()
    ti = space.task()
    space.put(ti, "report", {"rows": list(range(30)), "name": "x" * 300, "none": None})
    space.write(ti, "broken", MALFORMED)
    space.write(ti, "foreign", {"__airflow_state_ref__": "s3://other/" + "p" * 700})
    space.write(ti, "stale", True, expires_at="2020-01-01T00:00:00Z")
    space.write(ti, "huge", ["x" * 100_000] * 50)
    for key in (LONG_KEY, HOSTILE, ARABIC):
        space.write(ti, key, {key: [key, {"deep": [[[[[key]]]]]}]})
    for number in range(60):
        space.write(space.task("load", number), "progress", {"rows": number})
    space.asset("orders")
    space.asset(ARABIC, "s3://bucket/" + "u" * 500)
    for task_id, text in RUNS.items():
        space.share(text)
        space.run(task_id, text)
    yield space
    space.drop()


def pages(space):
    keys = ("report", "broken", "foreign", "stale", "huge", LONG_KEY, HOSTILE, ARABIC)
    lists = (
        "/",
        "/?show=tasks",
        "/?show=assets",
        "/?show=keys",
        "/?q=nothing-like-it",
        "/?only=malformed",
        "/?page=9",
    )
    return [
        *(space.url + path for path in lists),
        space.task_page(),
        space.task_page(task_id="load", map_index=30),
        *(space.task_page(task_id=task_id, map_index=1) for task_id in RUNS),
        *(space.key_page(key) for key in keys),
        space.url + "/asset?asset_id=1",
        space.url + "/asset?asset_id=2",
        space.task_page().replace("/task?", "/ask?"),
        space.key_page("report").replace("/key?", "/ask?"),
        space.url + "/references",
        space.url + "/references/orphans",
        space.url + "/journal",
        space.url + "/journal?time=relative&op=set",
        space.url + "/journal/event?seq=" + str(space.last_event()),
        space.url + "/then",
        space.url + "/bench",
        space.url + "/bench/ask?action=reset",
        space.url + "/nowhere",
        space.url + "/key?asset_id=1&key=none",
    ]


def test_every_page_is_opened(space):
    paths = {urlsplit(url).path.removeprefix(f"/ns/{space.name}") for url in pages(space)}
    assert paths == {urlsplit(path).path for path in ADDRESSES}


def violations(page):
    from axe_playwright_python.sync_playwright import Axe

    results = Axe().run(page).response["violations"]
    return [
        (page.url, each["id"], node["html"][:120], node["failureSummary"][:300])
        for each in results
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"][:3]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(full, open_page, scheme):
    page = open_page(full.url + "/", color_scheme=scheme)
    wrong = []
    for url in pages(full):
        page.goto(url)
        page.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true })")
        wrong += violations(page)
    assert wrong == []


CUT_OFF = """Array.from(document.querySelectorAll(
        "main section, main table, main form, main pre, main dl, main p"
    ))
    .filter(each => {
        const container = each.parentElement.getBoundingClientRect();
        return each.getBoundingClientRect().right > container.right + 1;
    })
    .map(each => ` ${each.tagName} ${each.className} is wider than its container`)"""


@pytest.mark.parametrize("width", [360, 768, 1000, 1100, 1190, 1250, 1600])
def test_no_page_scrolls_sideways_or_overflows(full, open_page, width):
    page = open_page(full.url + "/", viewport={"width": width, "height": 800})
    wide = []
    for url in pages(full):
        page.goto(url)
        page.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true })")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(url)
        wide += [url + what for what in page.evaluate(CUT_OFF)]
    assert wide == []


HEIGHTS = "all => all.map(each => each.getBoundingClientRect().height)"


def test_an_event_takes_three_lines_on_a_phone(space, open_page):
    ti = space.task()
    for number in range(3):
        space.write(ti, "job_id", f"job-{number}")
    page = open_page(space.url + "/journal", viewport={"width": 360, "height": 800})
    line = page.eval_on_selector("table.journal .copies", "it => it.getBoundingClientRect().height")
    heights = page.eval_on_selector_all("table.journal tbody tr", HEIGHTS)
    assert max(heights) < 4 * line


def test_the_header_takes_two_rows_on_a_phone(space, open_page):
    page = open_page(space.url + "/", viewport={"width": 360, "height": 800})
    (height,) = page.eval_on_selector_all("header.top", HEIGHTS)
    assert height < 75
    assert page.get_by_role("link", name="Namespace", exact=True).is_visible()


def test_no_short_key_or_actor_is_broken_in_the_journal(space, open_page):
    space.write(space.task(), "last_watermark_at", "a long value " * 50)
    page = open_page(space.url + "/journal", viewport={"width": 1280, "height": 800})
    heights = page.eval_on_selector_all("table.journal :is(td .key, .actor)", HEIGHTS)
    assert max(heights) < 25


def test_hostile_texts_stay_text(full, open_page):
    page = open_page(full.key_page(HOSTILE))
    assert page.title() == f"{HOSTILE} · Stateroom"
    assert HOSTILE in page.inner_text(".tree")
    page.goto(full.url + "/?show=keys")
    assert page.get_by_role("link", name=HOSTILE).first.is_visible()
    assert "owned" not in page.title().split()


def test_large_value_shows_its_start_and_links_to_the_rest(full, open_page):
    page = open_page(full.key_page("huge"))
    assert "This value is large" in page.inner_text("main")
    assert len(page.content()) < 100_000
    answer = page.request.get(
        full.url + page.get_by_role("link", name="Raw").get_attribute("href").split(full.name)[1]
    )
    assert len(answer.body()) > 5_000_000
    assert answer.headers["content-type"].startswith("text/plain")


def test_an_empty_namespace_updates_live(space, open_page):
    page = open_page(space.url + "/")
    assert "No state yet" in page.inner_text("main")
    space.write(space.task(), "cursor", 1)
    page.wait_for_selector("text=Latest writes", timeout=5000)


def test_json_is_checked_while_typing(space, open_page):
    space.write(space.task(), "cursor", 1)
    page = open_page(space.key_page("cursor"))
    page.get_by_role("heading", name="Edit").click()
    page.get_by_label("Value, as JSON").fill('{"a": 1,\n b}')
    assert "line 2, column 2" in page.inner_text("#value-hint")
    page.get_by_label("Value, as JSON").fill('{"a": 1}')
    assert page.inner_text("#value-hint") == "This is JSON."


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[1, oops]", "line 1, column 5"),
        ("oops", "line 1, column 1"),
        ('{"a": [1, {"b": "\\u00e9"}], "c": yes}', "line 1, column 34"),
        ('{"a": [],\n "b": {}}\n 2', "line 3, column 2"),
        ('{"a": 1', "line 1, column 8"),
        ('["a", "\\x"]', "line 1, column 7"),
        ("[1, 2,]", "line 1, column 7"),
    ],
)
def test_a_mistake_is_placed_whatever_the_browser_says(space, open_page, text, place):
    space.write(space.task(), "cursor", 1)
    page = open_page(space.key_page("cursor"))
    page.get_by_role("heading", name="Edit").click()
    page.get_by_label("Value, as JSON").fill(text)
    assert page.inner_text("#value-hint") == f"Not JSON yet: {place}"


def test_copy(space, open_page):
    space.write(space.task(), "cursor", {"page": 7})
    page = open_page(space.key_page("cursor"), permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    page.wait_for_selector("text=Copied")
    assert page.evaluate("navigator.clipboard.readText()") == '{"page": 7}'


def test_the_keyboard_reaches_the_content_and_the_search(space, open_page):
    space.write(space.task(), "cursor", 1)
    page = open_page(space.url + "/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"


def test_the_focus_is_visible(space, open_page):
    space.write(space.task(), "cursor", 1)
    page = open_page(space.key_page("cursor"))
    outlines = []
    for _ in range(12):
        page.keyboard.press("Tab")
        outlines.append(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
    assert set(outlines) == {"solid"}


def test_the_page_says_what_was_done_as_a_command(space, open_page):
    ti = space.task()
    page = open_page(space.task_page())
    page.get_by_role("heading", name="Add a key").click()
    page.get_by_label("Key", exact=True).fill("cursor")
    page.get_by_label("Value, as JSON").fill('{"page": 1}')
    page.get_by_role("button", name="Add key").click()
    page.get_by_text("The same from a shell").click()
    curl, python = page.locator(".notice pre").all_inner_texts()
    assert curl.startswith("curl -X PUT ")
    assert f"/ns/{space.name}/_stateroom/values/ti/{ti}" in curl
    assert python.startswith("StateroomClient(")
    assert "{'page': 1}" in python


@pytest.fixture(scope="module")
def guarded_site():
    with ServerProcess(["--db", ":memory:", "--jwt-secret", SECRET]) as process:
        yield process.url


def test_a_secret_asks_for_an_admins_token(guarded_site, open_page):
    token = tokens.for_role(SECRET, "admin")
    space = Space(guarded_site, "guarded", {"Authorization": f"Bearer {token}"})
    space.task()
    page = open_page(space.task_page(), origin=guarded_site)
    page.get_by_label("Token").fill(tokens.for_role(SECRET, "viewer"))
    page.get_by_role("button", name="Log in").click()
    assert "the pages need an admin's" in page.inner_text("#token-wrong")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()
    assert page.get_by_role("heading", level=1).inner_text() == EXTRACT["task_id"]
    page.get_by_role("button", name="Log out").click()
    page.goto(space.url + "/")
    assert page.get_by_role("heading", level=1).inner_text() == "Log in"
    space.drop()
