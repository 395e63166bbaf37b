"""The landing pages of real exporters in a real browser: hypervisor, management, many collectors, none."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from browser.looks import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
COLLECTORS = "Collectors and their state"
PLACE = "element => element.getBoundingClientRect().toJSON()"
LINKS = ["Metrics", "Configuration", "Health", "Readiness"]


@pytest.mark.parametrize(
    ("width", "scheme"),
    [(320, "light"), (360, "light"), (360, "dark"), (1080, "dark"), (1280, "light"), (1280, "dark")],
)
def test_page_fits_can_be_read_and_loads_nothing_from_elsewhere(
    browser: "Browser", url: str, width: int, scheme: str, request: pytest.FixtureRequest
) -> None:
    with opened(browser, url, width=width, scheme=scheme) as seen:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        name = f"landing-{request.node.callspec.params['url']}-{width}-{scheme}.png"
        seen.page.screenshot(path=SCREENSHOTS / name, full_page=True)
        assert seen.complaints == []
        assert seen.violations() == []
        assert {one.partition("?")[0] for one in seen.requests} >= {f"{url}/", f"{url}/static/style.css"}
        assert [one for one in seen.requests if not one.startswith(f"{url}/")] == []
        assert not seen.is_wider_than_the_window()
        assert seen.hard_to_read() == []


@pytest.mark.parametrize("width", [360, 1280])
def test_page_has_landmarks_headings_and_tables_with_heads(browser: "Browser", url: str, width: int) -> None:
    with opened(browser, url, width=width) as seen:
        page = seen.page
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.get_by_role("heading", level=1).count() == 1
        assert page.get_by_role("banner").count() == 1
        assert page.get_by_role("main").count() == 1
        assert page.get_by_role("navigation", name="Pages").count() == 1
        for table in page.get_by_role("table").all():
            name = table.locator("caption").inner_text()
            assert page.get_by_role("region", name=name).count() == 1
            assert page.get_by_role("table", name=name).count() == 1
            rows = table.locator("tbody").get_by_role("row")
            assert rows.count() > 0
            assert table.get_by_role("rowheader").count() == rows.count()
            columns = table.locator("th[scope=col]").count()
            assert table.locator("tbody").locator("th, td").count() == columns * rows.count()


@pytest.mark.parametrize("width", [360, 1280])
def test_keyboard_reaches_every_link_and_every_table_in_their_order(
    browser: "Browser", url: str, width: int
) -> None:
    with opened(browser, url, width=width) as seen:
        expected = [
            one.get_attribute("aria-label") or one.inner_text()
            for one in seen.page.locator("a, [tabindex='0']").all()
        ]
        reached = seen.reached_by_tab()
        assert [one["name"] for one in reached] == expected
        assert expected[:4] == LINKS
        assert set(expected) >= set(seen.page.locator("caption").all_inner_texts())
        assert [one["name"] for one in reached if not one["outlined"]] == []


def test_table_without_room_scrolls_by_keyboard_and_not_the_page(browser: "Browser", many: str) -> None:
    with opened(browser, many, width=1080) as seen:
        area = seen.page.get_by_role("region", name=COLLECTORS)
        area.evaluate("element => element.style.width = '600px'")
        area.focus()
        seen.page.keyboard.press("ArrowRight")
        seen.page.wait_for_function("element => element.scrollLeft > 0", arg=area.element_handle())
        assert seen.page.evaluate("window.scrollX") == 0


def test_links_lead_to_pages(browser: "Browser", hypervisor: str) -> None:
    with opened(browser, hypervisor) as seen:
        for name in LINKS:
            link = seen.page.get_by_role("link", name=name)
            answer = seen.page.request.get(urljoin(seen.page.url, link.get_attribute("href")))
            assert (name, answer.status) == (name, 200)


@pytest.mark.parametrize("width", [360, 1280])
def test_hypervisor_without_libvirt_says_so_before_anything_else(
    browser: "Browser", hypervisor: str, width: int
) -> None:
    with opened(browser, hypervisor, width=width) as seen:
        assert "4 failed" in seen.page.title()
        reason = seen.page.get_by_text("libvirt-sock': No such file or directory")
        assert reason.count() == 1
        box = reason.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 800, "it can be seen without scrolling"
        states = seen.page.locator("tbody").first.locator(".state").all_inner_texts()
        assert states == ["✗ failed"] * 4 + ["✓ ok"] * 4


def test_link_of_a_row_leads_to_the_reason_that_it_shares(browser: "Browser", many: str) -> None:
    with opened(browser, many, width=360) as seen:
        link = seen.page.get_by_role("link", name="unavailable: see above").last
        link.focus()
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_function("location.hash === '#cause-1'")
        reason = seen.page.locator("#cause-1")
        assert "keystone.lab.example.org" in reason.inner_text()
        assert seen.page.evaluate("document.querySelector('#cause-1').getBoundingClientRect().top >= 0")


@pytest.mark.parametrize("width", [360, 1280])
def test_state_stands_before_the_name_and_that_before_the_schedule(
    browser: "Browser", many: str, width: int
) -> None:
    with opened(browser, many, width=width) as seen:
        row = seen.page.locator("tbody tr").first
        state, name, schedule, why = (
            row.locator(cell).evaluate(PLACE)
            for cell in (".state", "th", "[data-column=Schedule]", ".detail")
        )
        assert state["right"] < name["left"]
        assert name["right"] <= schedule["left"] or name["bottom"] <= schedule["top"]
        assert name["bottom"] <= why["top"], "the reason has a line of its own"


def test_page_is_right_without_its_style_sheet(browser: "Browser", many: str) -> None:
    with opened(browser, many, styled=False) as seen:
        assert seen.page.evaluate("document.styleSheets[0].cssRules.length") == 0
        shown = seen.page.locator("body").inner_text()
        told = ["stratoscope crowd", *LINKS, "32 failed", "30 of 30", "keystone.lab.example.org", "✗ failed"]
        told += ["◌ not run yet", "⊘ left out", "✓ ok", "cinder_volumes"]
        places = [shown.index(text) for text in told]
        assert places == sorted(places)
        assert (
            seen.page.locator("tbody tr").first.evaluate("row => getComputedStyle(row).display")
            == "table-row"
        )
        assert seen.hard_to_read() == []


def test_browser_does_what_the_policy_says(browser: "Browser", none: str) -> None:
    with opened(browser, none) as seen:
        seen.page.evaluate("""() => {
          const add = (tag, attributes) =>
            document.body.append(Object.assign(document.createElement(tag), attributes));
          add('script', {textContent: 'window.ran = true'});
          add('style', {textContent: 'body {display: none}'});
          add('img', {src: 'http://127.0.0.1:1/elsewhere.png'});
        }""")
        seen.page.wait_for_function("violations.length >= 3")
        assert sorted(seen.violations()) == ["img-src", "script-src-elem", "style-src-elem"]
        assert seen.page.evaluate("[window.ran, getComputedStyle(document.body).display]") == [None, "block"]


def test_states_can_be_told_apart_where_the_user_has_colours_of_their_own(
    browser: "Browser", many: str
) -> None:
    with opened(browser, many) as seen:
        seen.page.emulate_media(forced_colors="active")
        kinds = ("failed", "waiting", "left_out", "ok")
        states = [seen.page.locator(f"tbody .state.{kind}").first for kind in kinds]
        assert len({state.inner_text() for state in states}) == 4
        looks = [
            state.evaluate(
                "one => { const s = getComputedStyle(one); return s.borderStyle + s.borderRadius }"
            )
            for state in states
        ]
        assert len(set(looks)) == 4
