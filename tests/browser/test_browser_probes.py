"""The pages of probes in a real browser: in every state, 500 of them, none, and one probe."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser.looks import opened
from support.site import site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
ROTATION = "/probes/uni/every-host"
LONG = "/probes/uni/matrix%2Ftiny%2Cdebian-13%2Ca-zone-with-a-name-that-is-long"


@pytest.fixture(scope="module")
def few(folder: Path) -> Iterator[str]:
    with site(folder, "support.probe_site", "few") as url:
        yield url


@pytest.fixture(scope="module")
def crowd(folder: Path) -> Iterator[str]:
    with site(folder, "support.probe_site", "500") as url:
        yield url


@pytest.fixture(scope="module")
def nothing(folder: Path) -> Iterator[str]:
    with site(folder, "support.probe_site", "none") as url:
        yield url


PAGES = {
    "few": ("few", "/"), "crowd": ("crowd", "/?page=2"), "none": ("nothing", "/"),
    "rotation": ("few", ROTATION), "long": ("few", LONG), "first": ("few", "/probes/uni/first"),
}  # fmt: skip


@pytest.fixture(params=PAGES)
def address(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Of the site, and of the page."""
    fixture, path = PAGES[request.param]
    url = request.getfixturevalue(fixture)
    return url, url + path


@pytest.mark.parametrize(
    ("width", "scheme"), [(320, "light"), (360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")]
)
def test_page_fits_can_be_read_and_loads_nothing_from_elsewhere(
    browser: "Browser", address: tuple[str, str], width: int, scheme: str, request: pytest.FixtureRequest
) -> None:
    url, page = address
    with opened(browser, page, width=width, scheme=scheme) as seen:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        name = f"probes-{request.node.callspec.params['address']}-{width}-{scheme}.png"
        seen.page.screenshot(path=SCREENSHOTS / name, full_page=True)
        assert seen.complaints == []
        assert seen.violations() == []
        assert [one for one in seen.requests if not one.startswith(f"{url}/")] == []
        assert not seen.is_wider_than_the_window()
        assert seen.hard_to_read() == []


@pytest.mark.parametrize("width", [360, 1280])
def test_keyboard_reaches_everything_in_its_order(browser: "Browser", few: str, width: int) -> None:
    with opened(browser, few, width=width) as seen:
        expected = [
            one.get_attribute("aria-label") or one.inner_text()
            for one in seen.page.locator("a, button, select").all()
        ]
        reached = seen.reached_by_tab()
        assert [one["name"] for one in reached] == expected
        assert [one["name"] for one in reached if not one["outlined"]] == []
        assert "Run now: boot-debian of a-cloud-far-away" in expected
        assert len({*expected}) == len(expected), "no two have the same name"


def test_screen_reader_is_told_of_each_probe_and_of_its_runs_in_words(browser: "Browser", few: str) -> None:
    with opened(browser, few) as seen:
        page = seen.page
        assert page.get_by_role("heading", level=1).count() == 1
        assert page.get_by_role("heading", level=2).count() == 10
        card = page.get_by_role("region", name="boot-windows uni")
        words = card.locator("figcaption").inner_text()
        assert re.fullmatch(r"12 of 13 runs succeeded; last failure 1\d min ago in built: timeout\.", words)
        assert card.get_by_role("list").get_by_role("listitem").count() == 9
        assert page.locator("svg:not([aria-hidden=true])").count() == 0


def test_cells_of_each_outcome_have_a_height_and_a_colour_of_their_own(browser: "Browser", few: str) -> None:
    with opened(browser, few) as seen:
        card = seen.page.get_by_role("region", name="no-host a-cloud-far-away")
        other = seen.page.get_by_role("region", name="boot-debian uni")
        cells = [card.locator(f"path.{one}") for one in ("success", "failed", "running")]
        cells.append(other.locator("path.interrupted"))
        boxes = [cell.evaluate("one => one.getBBox().height") for cell in cells]
        colours = [
            cell.evaluate("one => { const s = getComputedStyle(one); return s.fill + s.stroke }")
            for cell in cells
        ]
        assert len({*boxes}) == len({*colours}) == 4


def test_form_works_by_keyboard_and_leads_back(browser: "Browser", few: str) -> None:
    with opened(browser, few, width=360) as seen:
        page = seen.page
        pause = page.get_by_role("button", name="Pause: every-host of uni")
        page.get_by_role("combobox", name="Pause every-host of uni for").select_option(label="for 4h")
        pause.focus()
        page.keyboard.press("Enter")
        resume = page.get_by_role("button", name="Resume: every-host of uni")
        resume.wait_for()
        assert page.url == f"{few}/"
        assert "⊘ paused" in page.get_by_role("region", name="every-host uni").inner_text()
        resume.focus()
        page.keyboard.press("Enter")
        pause.wait_for()
        assert (seen.complaints, seen.violations()) == ([], [])


def test_pages_lead_to_one_another(browser: "Browser", crowd: str) -> None:
    with opened(browser, crowd) as seen:
        page = seen.page
        assert page.get_by_role("heading", level=2).first.inner_text().startswith("probe-000")
        page.get_by_role("link", name="Next").click()
        assert page.get_by_role("link", name="Page 2", exact=True).get_attribute("aria-current") == "page"
        page.get_by_role("link", name="Page 20").click()
        page.get_by_role("link", name="probe-499").click()
        assert page.get_by_role("table", name="Last runs").get_by_role("rowheader").count() == 50
