"""The downtime exporter itself in a real browser, beside a real Alertmanager with alerts: what people do."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

from browser.looks import Opened, opened
from browser.test_browser_downtimes import pictured
from support.alertmanagers import RealAlertmanager, unpacked
from support.asking import SECRET
from support.patience import FAR_S
from support.site import get, site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SCRIPT = '<script>document.title = "bad"</script>'
LOOKS = [(360, "dark"), (1280, "light")]
ONE_PAGE = re.compile(r"/downtimes/[0-9a-z]{10}$")


@pytest.fixture(scope="module")
def am(folder: Path) -> Iterator[RealAlertmanager]:
    """With three alerts, of the hosts n1, n2 and n3."""
    found = RealAlertmanager(unpacked("bookworm"), folder / "alertmanager").start()
    alerts = [{"labels": {"alertname": "HostDown", "cloud": "uni", "host": f"n{n}"}} for n in (1, 2, 3)]
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(f"{found.url}/api/v2/alerts", json.dumps(alerts).encode(), headers)):  # noqa: S310 - loopback
        yield found
    found.stop()


@contextmanager
def exporter(folder: Path, name: str, alertmanager: str, *flags: str, **own: Any) -> Iterator[str]:
    """Runs `stratoscope downtime`, with its files in a folder of that name; yields its URL."""
    config, storage = folder / name / "downtime.yml", folder / name / "state"
    storage.mkdir(parents=True)
    own["alertmanagers"] = [{"name": "main", "urls": [alertmanager]}]
    config.write_text(json.dumps({"downtime": own}))
    arguments = ("downtime", f"--config.file={config}", f"--storage.path={storage}", *flags)
    with site(folder / name, "stratoscope", *arguments, is_ready=get) as url:
        yield url


@pytest.fixture(scope="module")
def running(folder: Path, am: RealAlertmanager) -> Iterator[str]:
    with exporter(folder, "downtime", am.url) as url:
        yield url


def states(am: RealAlertmanager) -> dict[str, str]:
    """Of each host's alert."""
    with urlopen(f"{am.url}/api/v2/alerts") as answer:  # noqa: S310 - loopback
        return {one["labels"]["host"]: one["status"]["state"] for one in json.load(answer)}


def until(am: RealAlertmanager, **wanted: str) -> None:
    """Until alerts of these hosts are in these states."""
    give_up = time.monotonic() + FAR_S
    while {name: states(am)[name] for name in wanted} != wanted:
        assert time.monotonic() < give_up, states(am)
        time.sleep(0.05)


def typed(page: "Page", title: str, sets: str) -> None:
    """Fills in the form of a downtime that is active from now on."""
    page.get_by_label("Title").fill(title)
    page.get_by_label("What is down").fill(sets)
    page.get_by_label("Start").fill(time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() - 120)))
    page.get_by_label("End", exact=True).fill(
        time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + 3600))
    )
    page.get_by_label("Time zone").fill("UTC")


def filed(page: "Page", url: str, title: str, sets: str) -> None:
    page.goto(f"{url}/downtimes/new")
    typed(page, title, sets)
    page.get_by_role("button", name="File it").press("Enter")
    page.wait_for_url(ONE_PAGE)


def reloaded_until(page: "Page", text: str) -> None:
    """Alertmanager has a silence a moment before the exporter has stored that it is written."""
    give_up = time.monotonic() + FAR_S
    while page.get_by_text(text).count() != 1:
        assert time.monotonic() < give_up, page.content()
        page.reload()


def looks_well(seen: Opened, name: str) -> None:
    pictured(seen.page, name)
    assert not seen.is_wider_than_the_window()
    assert seen.hard_to_read() == []
    assert seen.violations() == []


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_downtime_is_previewed_filed_extended_and_ended_by_keyboard(
    browser: "Browser", running: str, am: RealAlertmanager, width: int, scheme: str
) -> None:
    with opened(browser, running, width=width, scheme=scheme) as seen:
        page = seen.page
        page.get_by_role("link", name="New downtime").press("Enter")
        typed(page, SCRIPT, 'cloud="uni", host=~"n[12]"')
        page.get_by_label("Title").press("Enter")
        told = page.get_by_role("status", name="Preview")
        told.get_by_text("2 of 3 current alerts match.").wait_for()
        assert told.get_by_role("listitem").all_inner_texts() == [
            f'HostDown cloud="uni", host="{name}"' for name in ("n1", "n2")
        ]
        assert states(am) == dict.fromkeys(("n1", "n2", "n3"), "active")
        looks_well(seen, f"running-preview-{width}-{scheme}")
        page.get_by_role("button", name="File it").press("Enter")
        page.wait_for_url(ONE_PAGE)
        until(am, n1="suppressed", n2="suppressed", n3="active")
        assert page.get_by_role("heading", name=SCRIPT).count() == 1
        reloaded_until(page, "main: written")
        page.get_by_role("combobox", name="Extend by").select_option("4h")
        page.get_by_role("button", name="Extend").press("Enter")
        page.get_by_text("changed by loopback").wait_for()
        looks_well(seen, f"running-one-{width}-{scheme}")
        page.get_by_role("link", name="All downtimes").press("Enter")
        page.get_by_text("main: in step").wait_for()
        assert page.get_by_role("rowheader").filter(has_text=SCRIPT).count() == 1
        looks_well(seen, f"running-all-{width}-{scheme}")
        page.get_by_role("rowheader").get_by_role("link", name=SCRIPT).press("Enter")
        page.get_by_role("button", name="End now").press("Enter")
        page.get_by_text("✓ ended").wait_for()
        assert page.get_by_role("button").count() == 0
        until(am, n1="active", n2="active")
        assert seen.complaints == []


def test_downtime_is_cancelled(browser: "Browser", running: str, am: RealAlertmanager) -> None:
    with opened(browser, running, width=360) as seen:
        filed(seen.page, running, "in error", 'host="n3"')
        until(am, n3="suppressed")
        seen.page.get_by_role("button", name="Cancel").press("Enter")
        seen.page.get_by_text("⊘ cancelled").wait_for()
        until(am, n3="active")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_two_people_who_change_the_same_downtime_see_each_other(
    browser: "Browser", running: str, width: int, scheme: str
) -> None:
    with (
        opened(browser, running) as other,
        opened(browser, running, width=width, scheme=scheme) as seen,
    ):
        filed(seen.page, running, "first", 'host="n9"')
        seen.page.get_by_role("link", name="Change").press("Enter")
        other.page.goto(seen.page.url)
        for page, title in ((other.page, "of the other"), (seen.page, "mine")):
            page.get_by_label("Title").fill(title)
            page.get_by_role("button", name="Store it").press("Enter")
        conflict = seen.page.get_by_role("alert", name="Changed meanwhile")
        conflict.get_by_text("of the other").wait_for()
        assert seen.page.get_by_label("Title").input_value() == "mine"
        looks_well(seen, f"running-conflict-{width}-{scheme}")
        other.page.get_by_role("heading", name="of the other").wait_for()
        seen.page.get_by_role("button", name="Store it").press("Enter")
        seen.page.get_by_role("heading", name="mine").wait_for()
        other.page.get_by_role("button", name="Cancel").press("Enter")
        other.page.get_by_role("alert").get_by_text("somebody else has changed it meanwhile").wait_for()
        assert other.page.get_by_role("heading", name="mine").count() == 1
        pictured(other.page, "running-old-button")


def test_set_for_everything_needs_a_tick(browser: "Browser", running: str) -> None:
    with opened(browser, f"{running}/downtimes/new", width=360) as seen:
        page = seen.page
        typed(page, "all of it", 'host=~".+"')
        page.get_by_role("button", name="Preview its alerts").press("Enter")
        page.get_by_text("It would silence every alert. Tick the box below").wait_for()
        assert page.get_by_text("3 of 3 current alerts match").count() == 1
        page.get_by_role("button", name="File it").press("Enter")
        page.get_by_text("Nothing is stored").wait_for()
        page.get_by_label("A line may match every alert").press("Space")
        page.get_by_role("button", name="File it").press("Enter")
        page.wait_for_url(ONE_PAGE)
        page.get_by_role("button", name="Cancel").press("Enter")
        page.get_by_text("⊘ cancelled").wait_for()


def test_alertmanager_that_is_away_is_said_at_a_glance(browser: "Browser", folder: Path) -> None:
    with (
        exporter(folder, "away", "http://127.0.0.1:1") as url,
        opened(browser, url, width=360, scheme="dark") as seen,
    ):
        assert seen.page.get_by_text("main: failed").count() == 1
        seen.page.goto(f"{url}/downtimes/new")
        typed(seen.page, "x", 'host="n1"')
        seen.page.get_by_role("button", name="Preview its alerts").press("Enter")
        seen.page.get_by_text("could not be asked, and its alerts are not counted").wait_for()
        looks_well(seen, "running-away-360-dark")


def test_who_is_not_logged_in_sees_counts_and_logs_in_by_a_link(
    browser: "Browser", folder: Path, am: RealAlertmanager
) -> None:
    (folder / "web.yml").write_text(f"basic_auth_users: {{alice: {SECRET}}}\n")
    access = {"roles": {"editor": ["alice"]}}
    with exporter(folder, "users", am.url, f"--web.config.file={folder / 'web.yml'}", access=access) as url:
        context = browser.new_context(http_credentials={"username": "alice", "password": "secret"})
        page = context.new_page()
        page.goto(url)
        assert page.get_by_text("Nothing is down on purpose").count() == 1
        assert page.get_by_role("link", name="New downtime").count() == 0
        pictured(page, "running-counts")
        page.get_by_role("link", name="Log in").press("Enter")
        page.get_by_role("heading", name="Find downtimes").wait_for()
        page.get_by_role("link", name="Now and next").press("Enter")
        page.get_by_role("heading", name="Timeline").wait_for()
        filed(page, url, "of alice", 'host="n9"')
        assert page.get_by_text("filed by alice").count() == 1
        context.close()
