"""The pages of downtimes in a real browser: of every kind, 10,000, none, one downtime, and the form."""

import datetime as dt
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser.looks import opened
from support.site import site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
ONE, OTHER, NEW = "/downtimes/a000000001", "/downtimes/a000000003", "/downtimes/new"
WINDOW = "/windows/new"
REACHED = "a, button, select, input:not([type=hidden]), textarea, summary, [tabindex='0']"
NAMED = "one => [one.tagName, one.getAttribute('aria-label') || one.textContent.trim()]"
LOOK = (
    "one => { const s = getComputedStyle(one); return [one.height.baseVal.value, s.fill, s.stroke].join() }"
)
SIZES = [(320, "light"), (360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")]


@pytest.fixture(scope="module")
def few(folder: Path) -> Iterator[str]:
    with site(folder, "support.downtime_pages", "few") as url:
        yield url


@pytest.fixture(scope="module")
def crowd(folder: Path) -> Iterator[str]:
    with site(folder, "support.downtime_pages", "10000") as url:
        yield url


@pytest.fixture(scope="module")
def nothing(folder: Path) -> Iterator[str]:
    with site(folder, "support.downtime_pages", "none") as url:
        yield url


PAGES = {
    "few": ("few", "/"), "month": ("few", "/?view=month"), "day": ("few", "/?view=day"),
    "crowd": ("crowd", "/?view=month&page=2"), "none": ("nothing", "/"),
    "find": ("few", "/downtimes?search=n1&state=active"), "found": ("crowd", "/downtimes"),
    "windows": ("few", "/windows"), "one": ("few", ONE), "new": ("few", NEW),
    "new-window": ("few", WINDOW), "change": ("few", f"{OTHER}/change"),
}  # fmt: skip


@pytest.fixture(params=PAGES)
def address(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Of the site, and of the page."""
    fixture, path = PAGES[request.param]
    url = request.getfixturevalue(fixture)
    return url, url + path


def pictured(page: "Page", name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"downtimes-{name}.png", full_page=True)


def sent(page: "Page", title: str, sets: str) -> None:
    """Fills in the form, and asks for its preview by keyboard."""
    page.get_by_label("Title").fill(title)
    page.get_by_label("What is down").fill(sets)
    page.get_by_label("Title").press("Enter")


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_page_fits_can_be_read_and_loads_nothing_from_elsewhere(
    browser: "Browser", address: tuple[str, str], width: int, scheme: str, request: pytest.FixtureRequest
) -> None:
    url, page = address
    with opened(browser, page, width=width, scheme=scheme) as seen:
        pictured(seen.page, f"{request.node.callspec.params['address']}-{width}-{scheme}")
        assert seen.complaints == []
        assert seen.violations() == []
        assert [one for one in seen.requests if not one.startswith(f"{url}/")] == []
        assert not seen.is_wider_than_the_window()
        assert seen.hard_to_read() == []


@pytest.mark.parametrize("path", ["/", ONE, NEW, WINDOW, "/downtimes"])
def test_keyboard_reaches_everything_in_its_order_and_it_can_be_seen(
    browser: "Browser", few: str, path: str
) -> None:
    with opened(browser, few + path, width=360) as seen:
        expected = [one.evaluate(NAMED) for one in seen.page.locator(REACHED).all()]
        reached = seen.reached_by_tab()
        assert [one["name"] for one in reached if not one["outlined"]] == []
        named = [[one["tag"], one["name"]] for one in reached]
        assert [one for one, _ in groupby(named)] == [one for one, _ in groupby(expected)]


def test_screen_reader_is_told_of_each_bar_in_words(browser: "Browser", few: str) -> None:
    with opened(browser, few) as seen:
        page = seen.page
        assert page.get_by_role("heading", level=1).count() == 1
        rows = page.get_by_role("region", name="Timeline").get_by_role("list").nth(1).get_by_role("listitem")
        assert rows.count() > 5
        group = page.get_by_role("group", name="host n1 of uni")
        (first, *_) = group.get_by_role("link").all()
        words = first.evaluate("one => one.textContent")
        assert "Nova answers slowly: active, unplanned degraded, 20" in words
        assert group.get_by_role("link", name="new switch 1: active, planned outage").count() == 1
        table = page.get_by_role("table", name="Downtimes that are active or upcoming")
        assert table.get_by_role("rowheader").count() == 6
        assert page.get_by_text('<script>alert("x")</script>').count() > 3


def test_bars_of_each_kind_have_a_shape_of_their_own(browser: "Browser", few: str) -> None:
    with opened(browser, f"{few}/?view=month") as seen:
        legend = seen.page.locator(".legend rect").all()
        looks = [one.evaluate(LOOK) for one in legend]
        assert len({*looks}) == 5, looks
        drawn = seen.page.locator(".timeline a rect[fill]")
        assert drawn.count() > 0, "what is unplanned is striped"
        boxes = [one.bounding_box() for one in seen.page.locator(".timeline > ul > li svg").all()]
        for bar in seen.page.locator(".timeline a rect:first-of-type").all():
            box = bar.bounding_box()
            assert box is not None
            assert box["width"] >= 2
            assert any(
                one and one["x"] - 1 <= box["x"] and box["x"] + box["width"] <= one["x"] + one["width"] + 1
                for one in boxes
            )


def test_bar_and_views_lead_on_by_keyboard(browser: "Browser", few: str) -> None:
    with opened(browser, few, width=360) as seen:
        page = seen.page
        page.get_by_role("link", name="Month").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/?view=month&from=*")
        assert page.get_by_role("link", name="Month").get_attribute("aria-current") == "true"
        first = page.locator("main").get_by_text(", Europe/Berlin.").inner_text()
        page.get_by_role("link", name="Later").press("Enter")
        page.wait_for_url("**/?view=month&from=*")
        assert page.locator("main").get_by_text(", Europe/Berlin.").inner_text() > first
        page.get_by_role("link", name="Earlier").press("Enter")
        page.get_by_role("group", name="host n1 of uni").get_by_role("link").first.press("Enter")
        page.wait_for_url("**/downtimes/a*")
        assert (seen.complaints, seen.violations()) == ([], [])


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(
    browser: "Browser", few: str
) -> None:
    with opened(browser, few + NEW, width=360) as seen:
        page = seen.page
        page.get_by_label("End", exact=True).fill("2020-01-01T00:00")
        sent(page, "a <b>title", "cloud=uni, hots=n1")
        page.get_by_text("Nothing is stored").wait_for()
        assert "hosts" not in page.get_by_label("What is down").input_value()
        assert page.get_by_label("What is down").input_value() == "cloud=uni, hots=n1"
        assert page.get_by_label("Title").input_value() == "a <b>title"
        assert page.get_by_label("End", exact=True).input_value() == "2020-01-01T00:00"
        wrong = page.locator("[aria-invalid=true]").all()
        assert [one.get_attribute("id") for one in wrong] == ["end"]
        assert "not after start" in page.get_by_label("End", exact=True).evaluate(
            "one => document.getElementById(one.getAttribute('aria-describedby').trim()).textContent"
        )
        page.get_by_role("alert").get_by_role("link", name="end").press("Enter")
        assert page.evaluate("document.activeElement.id || location.hash") in ("end", "#end")
        pictured(page, "wrong-360-light")
        assert not seen.is_wider_than_the_window()
        assert seen.hard_to_read() == []


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_preview_warns_of_a_set_for_everything_and_the_form_keeps_its_content(
    browser: "Browser", few: str, width: int, scheme: str
) -> None:
    with opened(browser, few + NEW, width=width, scheme=scheme) as seen:
        page = seen.page
        sent(page, "all of it", 'host=~".+"')
        page.get_by_text("A line may match every alert").click()
        page.get_by_role("button", name="Preview its alerts").press("Enter")
        page.get_by_text("It would silence every alert.").wait_for()
        assert page.get_by_role("status", name="Preview").get_by_role("listitem").count() == 3
        assert page.get_by_label("A line may match every alert").is_checked()
        assert page.get_by_label("What is down").input_value() == 'host=~".+"'
        pictured(page, f"preview-{width}-{scheme}")
        assert not seen.is_wider_than_the_window()
        assert seen.hard_to_read() == []
        assert [one for one in seen.complaints if "400" not in one] == []


@pytest.mark.parametrize("width", [360, 1280])
def test_window_is_filed_once_its_rule_is_right_and_its_preview_was_seen(
    browser: "Browser", few: str, width: int
) -> None:
    first = dt.datetime.now(dt.UTC) + dt.timedelta(days=60)
    with opened(browser, few + WINDOW, width=width) as seen:
        page = seen.page
        page.get_by_label("Rule").fill("FREQ=SELDOM")
        page.get_by_label("First time").fill(first.strftime("%Y-%m-%dT08:00"))
        page.get_by_label("Duration").fill("90m")
        sent(page, f"audit {width}", "host=n1")
        page.get_by_role("alert").get_by_role("link", name="rrule").press("Enter")
        page.get_by_label("Rule").fill("FREQ=DAILY")
        pictured(page, f"window-wrong-{width}")
        page.get_by_label("Title").press("Enter")
        preview = page.get_by_role("status", name="Preview")
        assert preview.get_by_role("list").first.get_by_role("listitem").count() == 5
        assert "1 of 40 current alerts match." in preview.inner_text()
        pictured(page, f"window-preview-{width}")
        assert not seen.is_wider_than_the_window()
        assert seen.hard_to_read() == []
        assert seen.violations() == []
        page.get_by_role("button", name="File it").press("Enter")
        page.get_by_role("rowheader", name=f"audit {width}").wait_for()
        pictured(page, f"window-filed-{width}")
        assert [one for one in seen.complaints if "400" not in one] == []


def test_history_shows_what_was_and_what_is(browser: "Browser", few: str) -> None:
    with opened(browser, few + ONE) as seen:
        entry = seen.page.locator(".history > li").nth(1)
        assert "changed by bob" in entry.inner_text()
        assert entry.locator("del").count() == entry.locator("ins").count() - 1
        assert '{cloud="uni", host="n1"}\n{service=~"nova.*"}' in entry.inner_text()


def test_rows_have_two_lines_at_most_where_there_are_columns(browser: "Browser", few: str) -> None:
    with opened(browser, f"{few}/downtimes", width=1100) as seen:
        heights = seen.page.locator("tbody tr").evaluate_all("rows => rows.map(one => one.offsetHeight)")
        assert len(heights) == 8
        assert max(heights) <= 2 * 24 + 2 * 8
        table = seen.page.locator(".scroll")
        assert table.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_pages_of_10000_lead_to_one_another(browser: "Browser", crowd: str) -> None:
    with opened(browser, crowd) as seen:
        page = seen.page
        assert page.get_by_role("table").first.get_by_role("rowheader").count() == 50
        assert page.locator(".timeline > ul:first-of-type > li").count() == 20
        page.get_by_role("link", name="Next", exact=True).click()
        assert page.get_by_text("Page 2 of 10").count() == 1
        page.get_by_role("link", name="Month").click()
        assert page.get_by_text("Page 2 of 10").count() == 1
        page.get_by_role("link", name="Previous").click()
        assert page.get_by_text("Page 1 of 10").count() == 1
