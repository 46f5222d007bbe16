"""What people do with the pages, with scripts and without."""

import json

import pytest

from tests.support.space import EXTRACT


def badges(page, within="main"):
    return page.locator(f"{within} .badge").all_inner_texts()


def test_find_a_reference_from_the_overview(space, look):
    ti = space.task()
    space.put(ti, "report", {"rows": 3})
    space.write(ti, "cursor", {"page": 7})
    page = look(space.url + "/")
    page.get_by_role("link", name="references 1").click()
    page.get_by_role("link", name="report").first.click()
    assert page.get_by_role("heading", level=1).inner_text() == "report"
    assert badges(page, ".facts")[:2] == ["reference", "unchecked"]


def test_a_filter_stays_in_the_address(space, look):
    space.write(space.task(), "cursor", 1)
    page = look(space.url + "/?only=references&q=cur")
    assert "Nothing here matches" in page.inner_text("main")
    assert page.get_by_role("searchbox").input_value() == "cur"


def test_resolve_shows_missing_after_the_object_is_removed(space, look, objects):
    ti = space.task()
    space.put(ti, "report", {"rows": 3})
    page = look(space.key_page("report"))
    page.get_by_role("button", name="Resolve", exact=True).click()
    assert "ok" in badges(page, "#outcome")
    assert "rows" in page.inner_text(".tree")
    for path in objects.rglob(f"{space.name}/**/report/*"):
        path.unlink()
    page.get_by_role("button", name="Resolve", exact=True).click()
    assert badges(page, "#outcome") == ["missing"]
    page.get_by_role("link", name="Overview").first.click()
    assert page.get_by_role("link", name="unhealthy 1").is_visible()


def test_edit_a_value_with_a_mistake_and_correct_it(space, look):
    ti = space.task()
    space.put(ti, "cursor", {"page": 7})
    page = look(space.key_page("cursor"))
    page.get_by_role("button", name="Resolve", exact=True).click()
    page.get_by_role("heading", name="Edit").click()
    field = page.get_by_label("Value, as JSON")
    assert json.loads(field.input_value()) == {"page": 7}
    field.fill('{"page": 8,\n oops}')
    page.get_by_role("button", name="Save").click()
    assert "Line 2, column 2" in page.locator("#value-wrong").inner_text()
    assert field.input_value() == '{"page": 8,\n oops}'
    field.fill('{"page": 8}')
    page.get_by_role("button", name="Save").click()
    assert "Saved." in page.inner_text(".notice")
    assert space.read(ti, "cursor") == {"page": 8}
    assert "__airflow_state_ref__" in json.dumps(space.stored(ti, "cursor"))


def test_add_a_key_that_never_expires(space, look):
    ti = space.task()
    page = look(space.task_page())
    page.get_by_role("heading", name="Add a key").click()
    page.get_by_label("Key", exact=True).fill("job id/1")
    page.get_by_label("Value, as JSON").fill('"job-42"')
    page.get_by_label("never").check()
    page.get_by_role("button", name="Add key").click()
    assert page.get_by_role("heading", level=1).inner_text() == "job id/1"
    assert "never" in page.inner_text(".facts")
    assert space.read(ti, "job id/1") == "job-42"


def test_clear_says_what_will_be_lost_and_can_be_undone(space, look):
    ti = space.task()
    space.write(ti, "cursor", 1)
    space.put(ti, "a", 1)
    space.put(ti, "b", 2)
    page = look(space.task_page())
    page.get_by_role("link", name="Clear…").click()
    assert "removes 3 keys, 2 references among them" in page.inner_text("main")
    page.get_by_role("button", name="Clear 3 keys").click()
    assert "No state yet" in page.inner_text("main")
    page.get_by_role("button", name="Undo").click()
    assert "Everything is as it was" in page.inner_text(".notice")
    assert space.read(ti, "b") == 2


def test_delete_a_key_and_restore_it_from_its_history(space, look):
    ti = space.task()
    space.write(ti, "cursor", {"page": 1})
    space.write(ti, "cursor", {"page": 2})
    page = look(space.key_page("cursor"))
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete key").click()
    assert "is deleted" in page.inner_text(".notice")
    page.goto(space.key_page("cursor"))
    page.get_by_role("link", name="View").last.click()
    page.get_by_role("button", name="Restore value").click()
    assert "The earlier value is restored." in page.inner_text(".notice")
    assert space.read(ti, "cursor") == {"page": 1}


def test_earlier_reference_to_a_deleted_object_is_not_restored(space, look):
    ti = space.task()
    space.put(ti, "cursor", {"page": 1})
    space.put(ti, "cursor", {"page": 2})
    page = look(space.key_page("cursor"))
    page.get_by_role("link", name="View").last.click()
    page.get_by_role("button", name="Restore value").click()
    assert "its object is deleted" in page.inner_text("[role=alert]")
    assert space.read(ti, "cursor") == {"page": 2}


def test_compare_two_moments(space, look):
    ti = space.task()
    for number in (1, 2, 3):
        space.write(ti, "cursor", {"page": number, "of": 9})
    page = look(space.key_page("cursor"))
    page.locator("input[name=a]").last.check()
    page.get_by_role("button", name="Compare A with B").click()
    lines = page.locator("#diff pre span").all_inner_texts()
    assert [line for line in lines if line[0] in "+-"] == ['-  "page": 1,', '+  "page": 3,']


def test_a_foreign_reference_is_neither_resolved_nor_overwritten(space, look):
    ti = space.task()
    foreign = {"__airflow_state_ref__": "s3://user:sesame@other/bucket/key"}
    space.write(ti, "theirs", foreign)
    page = look(space.key_page("theirs"))
    assert "sesame" not in page.content()
    page.get_by_role("button", name="Resolve", exact=True).click()
    assert badges(page, "#outcome") == ["foreign"]
    page.get_by_role("heading", name="Edit").click()
    page.get_by_label("Value, as JSON").fill('"mine"')
    page.get_by_role("button", name="Save").click()
    assert "Foreign" in page.inner_text("#value-wrong")
    assert page.get_by_label("Value, as JSON").input_value() == '"mine"'
    assert space.stored(ti, "theirs") == foreign


def test_a_concurrent_write_is_not_overwritten_unseen(space, look):
    ti = space.task()
    space.write(ti, "cursor", 1)
    page = look(space.key_page("cursor"))
    page.get_by_role("heading", name="Edit").click()
    space.write(ti, "cursor", 2)
    page.get_by_label("Value, as JSON").fill("10")
    page.get_by_role("button", name="Save").click()
    assert "This key changed" in page.inner_text("[role=alert]")
    page.get_by_role("button", name="Save").click()
    assert "Saved." in page.inner_text(".notice")
    assert space.read(ti, "cursor") == 10


@pytest.fixture
def sixty(space, objects):
    """Sixty references, one of which has lost its object."""
    ti = space.task()
    for number in range(60):
        space.put(ti, f"key-{number:02}", number)
    for path in objects.rglob(f"{space.name}/**/key-07/*"):
        path.unlink()
    return space


def test_check_all_references_at_one_click(sixty, open_page):
    page = open_page(sixty.url + "/references")
    page.get_by_role("button", name="Check all 60").click()
    page.wait_for_selector(".notice")
    assert "60 references checked; 1 of them missing, corrupt or changed" in page.inner_text(
        ".notice"
    )
    page.get_by_role("link", name="missing 1").click()
    assert page.locator("tbody tr").count() == 1


def test_check_all_references_step_by_step_without_scripts(sixty, open_page):
    page = open_page(sixty.url + "/references", java_script_enabled=False)
    page.get_by_role("button", name="Check all 60").click()
    assert "25 of 60 checked, 1 bad" in page.inner_text("form")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Continue").click()
    assert "60 references checked" in page.inner_text(".notice")


def test_remove_orphans(space, look):
    ti = space.task()
    space.put(ti, "report", "first")
    space.http.delete(f"{space.url}/execution/store/ti/{ti}/report").raise_for_status()
    page = look(space.url + "/references")
    page.get_by_role("link", name="Orphans…").click()
    assert "too young" in page.inner_text("main")
    page.get_by_role("link", name="any age").click()
    page.get_by_role("button", name="Remove 1 object").click()
    assert "1 object removed." in page.inner_text(".notice")


def test_advance_the_clock_until_a_key_expires_and_clean_it(space, look):
    ti = space.task()
    space.put(ti, "report", 1)
    page = look(space.url + "/bench")
    page.get_by_role("button", name="Freeze").click()
    page.get_by_label("Advance by").fill("31")
    page.get_by_role("button", name="Advance").click()
    assert "The clock shows" in page.inner_text(".notice")
    page.goto(space.key_page("report"))
    assert "expired 1 day ago" in page.inner_text(".facts")
    assert "readable until the next clean" in page.inner_text(".facts")
    page.goto(space.url + "/bench")
    page.get_by_role("button", name="Clean 1 expired key").click()
    assert "1 expired key removed" in page.inner_text(".notice")


def test_make_and_drop_a_namespace(space, look):
    name = f"{space.name}-child"
    page = look(space.url + "/bench")
    page.get_by_label("New namespace").fill(name)
    page.get_by_role("button", name="Create", exact=True).click()
    assert page.url.endswith(f"/ns/{name}/")
    assert "No state yet" in page.inner_text("main")
    page.get_by_role("link", name="Namespace", exact=True).click()
    row = page.locator("tr", has=page.get_by_role("link", name=name, exact=True))
    row.get_by_text("Drop…").click()
    row.get_by_role("textbox").fill(name)
    row.get_by_role("button", name="Drop namespace").click()
    assert f"The namespace {name} is dropped." in page.inner_text(".notice")


def test_map_indices_and_attempts_stand_beside_each_other(space, look):
    for index in range(3):
        ti = space.task("load", index)
        space.write(ti, "progress", index)
    space.task("load", 1)
    page = look(space.task_page(task_id="load", map_index=1))
    page.locator(".siblings a").nth(2).click()
    assert "[2]" in page.get_by_role("heading", level=1).inner_text()
    page.locator(".siblings a").nth(1).click()
    assert page.locator("section[aria-labelledby=attempts] tbody tr").count() == 2
    assert EXTRACT["dag_id"] in page.inner_text(".crumbs")


def test_the_log_of_each_attempt_is_a_click_away(space, look):
    space.run("load", "first try")
    ti_id = space.task("load", 1)
    space.write(ti_id, "progress", 7)
    page = look(space.task_page(task_id="load", map_index=1))
    attempts = page.locator("section[aria-labelledby=attempts]")
    assert "first try: first try" in attempts.locator("tbody tr").nth(1).inner_text()
    page.locator("section[aria-labelledby=log] .siblings a").nth(1).click()
    assert page.locator(".log .call", has_text="progress").is_visible()
    page.locator("section[aria-labelledby=log] .siblings a").nth(0).click()
    log = page.locator("section[aria-labelledby=log]")
    assert "3 lines before are not stored" in log.inner_text()
    log.get_by_text("Pre Execute, 5 lines").click()
    log.get_by_role("link", name="Raw").click()
    assert "(the first 3 records are not stored)" in page.inner_text("body")


def test_a_long_xcom_unfolds(space, look):
    space.run("load", "rows of the first page")
    page = look(space.task_page(task_id="load", map_index=0))
    xcoms = page.locator("section[aria-labelledby=xcoms]")
    fold = xcoms.locator("tr", has_text="report").first
    assert not fold.locator(".tree").is_visible()
    fold.locator("td summary").first.click()
    assert fold.locator(".tree").is_visible()
    assert "array of 20 members" in fold.inner_text()


def test_switch_a_fault_on_and_see_what_it_did(space, look):
    ti = space.task()
    page = look(space.url + "/bench")
    page.get_by_label("Operation").select_option("set")
    page.get_by_label("Key").fill("job_*")
    assert not page.get_by_label("Calls").is_visible()
    page.get_by_label("When").select_option("on call number")
    assert page.get_by_label("Calls").is_visible()
    assert "Chance" not in page.inner_text(".fault .count")
    page.get_by_role("button", name="Add fault").click()
    assert "The fault is added" in page.inner_text(".notice")
    answer = space.http.put(f"{space.url}/execution/store/ti/{ti}/job_id", json={"value": 1})
    assert answer.status_code == 503
    page.reload()
    assert "answered 503" in page.inner_text("section[aria-labelledby=faults] .did")
    page.get_by_role("button", name="Remove fault").click()
    assert "The fault is removed." in page.inner_text(".notice")


def test_take_a_snapshot_see_what_changed_and_go_back(space, look):
    ti = space.task()
    space.write(ti, "cursor", {"page": 1})
    page = look(space.url + "/bench")
    page.get_by_label("New snapshot").fill("before")
    page.get_by_role("button", name="Take snapshot").click()
    assert "The snapshot before holds 1 key." in page.inner_text(".notice")
    space.write(ti, "cursor", {"page": 2})
    page.get_by_role("link", name="Compare before with now").click()
    row = page.locator("#compared tbody tr")
    assert [text in row.inner_text() for text in ("changed", '{"page": 1}', '{"page": 2}')] == [
        True
    ] * 3
    page.get_by_role("link", name="Restore… before").click()
    assert "changes 1 key" in page.inner_text("main")
    page.get_by_role("button", name="Restore snapshot").click()
    page.wait_for_selector(".notice")
    assert space.stored(ti, "cursor") == {"page": 1}


def focus(page, text, key="Tab"):
    """Press a key until the focused element has this text."""
    for _ in range(60):
        page.keyboard.press(key)
        label = page.evaluate(
            "(document.activeElement.innerText || document.activeElement.name || '').trim()"
        )
        if label == text:
            return
    raise AssertionError(f"{text!r} cannot be focused with the keyboard")


def test_edit_a_value_with_the_keyboard_alone(space, look):
    ti = space.task()
    space.write(ti, "cursor", {"page": 7})
    page = look(space.url + "/")
    for step in ("Keys 1", "cursor"):
        focus(page, step)
        with page.expect_navigation():
            page.keyboard.press("Enter")
    focus(page, "Edit")
    page.keyboard.press("Enter")
    focus(page, "value")
    page.keyboard.press("Control+a")
    page.keyboard.type('{"page": 8}')
    focus(page, "Save")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert space.read(ti, "cursor") == {"page": 8}


def test_a_copied_link_shows_another_what_its_sender_saw(space, look, open_page):
    ti = space.task()
    for key in ("cursor", "report", "current"):
        space.write(ti, key, 1)
    page = look(space.url + "/")
    page.get_by_role("link", name="Keys 3").click()
    page.get_by_role("searchbox").fill("cur")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**q=cur**")
    with page.expect_navigation():
        page.get_by_role("columnheader", name="Key").get_by_role("link").click()
    other = open_page(page.url)
    shown = [each.locator("main table a").all_inner_texts() for each in (page, other)]
    assert shown[0] == shown[1]
    assert {"cursor", "current"} <= set(shown[1])
