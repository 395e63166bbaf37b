"""The landing page: what it shows, read as a person reads it."""

import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files

import pytest

from stratoscope.core.collector import Absent
from stratoscope.core.errors import CollectError, LeftOut, Reason
from stratoscope.core.web.auth import Access
from stratoscope.core.web.landing import landing_page
from stratoscope.core.web.pages import LINKS, Pages
from support.html_page import Element, Row, parsed, rows
from support.services import Domains, Failing, FakeService, Unauthorized, background, service

COLLECTORS, LEFT_OUT = "Collectors and their state", "Collectors that are left out"


class Named(Domains):
    """Of any cloud and name; it fails so, or succeeds."""

    def __init__(self, cloud: str, name: str, message: str = "") -> None:
        super().__init__()
        self.cloud, self.name, self._message = cloud, name, message

    async def fetch(self) -> int:
        if self._message:
            raise CollectError(Reason.UNAVAILABLE, self._message)
        return 1


def shown(page: FakeService, warnings: Sequence[str] = ()) -> Element:
    page.warnings = warnings
    return parsed(landing_page(Pages(page, Access.open(None)), page, "/"))


def collectors(page: Element) -> dict[str, Row]:
    """The table of collectors, by name."""
    return {row["Collector"]: row for row in rows(page, COLLECTORS)}


async def tried(*collectors: Domains) -> FakeService:
    running = [background(one) for one in collectors]
    for runner in running:
        await runner.first()
    return FakeService(runners=running)


def test_page_says_what_runs_and_links_to_the_rest() -> None:
    page = shown(FakeService())
    assert page.one("h1").text == "stratoscope hypervisor 1.2.3"
    assert "Watches VMs from their host." in page.text
    assert [link.attributes["href"] for link in page.one("nav").all("a")] == list(LINKS)
    assert list(LINKS) == ["/metrics", "/config", "/-/healthy", "/-/ready"]
    assert "None runs yet." in page.text


async def test_each_collector_has_a_row_with_its_state() -> None:
    domains, failing = service(Domains()).runners[0], background(Failing())
    page = shown(FakeService(runners=[domains, failing]))
    assert collectors(page)["domains"] == {
        "State": "◌ not run yet",
        "Cloud": "lab",
        "Collector": "domains",
        "Last success": "never",
        "Took": "",
        "Samples": "0",
        "Schedule": "when scraped",
        "Why": "",
    }
    await domains.first()
    await failing.first()
    domains.status = replace(domains.status, last_success=time.time() - 90, duration_s=0.0421)
    failing.status = replace(failing.status, duration_s=1.5)
    page = shown(FakeService(runners=[domains, failing]))
    assert collectors(page)["domains"] == {
        "State": "✓ ok",
        "Cloud": "lab",
        "Collector": "domains",
        "Last success": "90 s ago",
        "Took": "42 ms",
        "Samples": "4",
        "Schedule": "when scraped",
        "Why": "",
    }
    assert collectors(page)["pools"] == {
        "State": "✗ failed",
        "Cloud": "lab",
        "Collector": "pools",
        "Last success": "never",
        "Took": "1.5 s",
        "Samples": "0",
        "Schedule": "every 60 s, kept for 5 min",
        "Why": "unavailable: no route to <b>storage</b>",
    }


@pytest.mark.parametrize(
    ("age_s", "text"),
    [(-5, "1 s ago"), (600, "10 min ago"), (3 * 3600, "3 h ago"), (4 * 86400, "4 d ago")],
)
async def test_age_is_told_in_the_unit_that_fits(age_s: float, text: str) -> None:
    page = service(Domains())
    await page.runners[0].first()
    page.runners[0].status = replace(page.runners[0].status, last_success=time.time() - age_s)
    assert collectors(shown(page))["domains"]["Last success"] == text
    assert f"Last success {text}" in shown(page).one("section", aria_label="Summary").text


async def test_moment_of_a_success_and_of_the_page_are_told_in_utc() -> None:
    page = await tried(Named("lab", "cpu"))
    page.runners[0].status = replace(page.runners[0].status, last_success=1_700_000_000.0)
    age = next(one for one in shown(page).one("tbody").all("span") if "title" in one.attributes)
    assert age.attributes["title"] == "2023-11-14 22:13:20 UTC"
    assert f"as of {time.strftime('%Y-%m-%d %H:', time.gmtime())}" in shown(page).text


async def test_collector_that_the_source_leaves_out_says_so_in_its_row() -> None:
    runner = background(Unauthorized())
    await runner.first()
    assert collectors(shown(FakeService(runners=[runner])))["agents"] == {
        "State": "⊘ left out",
        "Cloud": "lab",
        "Collector": "agents",
        "Last success": "never",
        "Took": "",
        "Samples": "0",
        "Schedule": "every 60 s, kept for 5 min",
        "Why": "unauthorized: the role <admin> is needed",
    }


def test_left_out_collectors_are_shown_with_their_reason() -> None:
    page = shown(FakeService(left_out=[Absent("cinder", LeftOut.UNAUTHORIZED, "uni")]))
    assert rows(page, LEFT_OUT) == [{"Cloud": "uni", "Collector": "cinder", "Why": "unauthorized"}]


async def test_what_fails_comes_first_then_what_did_not_run_then_what_is_well() -> None:
    page = await tried(Named("lab", "well"), Named("lab", "ill", "no route"))
    agents = background(Unauthorized())
    await agents.first()
    page.runners = [agents, *page.runners, background(Named("lab", "new"))]
    assert list(collectors(shown(page))) == ["ill", "new", "agents", "well"]


@pytest.mark.parametrize(
    ("done", "new", "absent", "text", "title"),
    [
        (["", ""], 0, 0, "✓ 2 of 2 collectors ok", "2 of 2 collectors ok"),
        (["", ""], 0, 3, "✓ 2 of 2 collectors ok, 3 left out", "2 of 2 collectors ok"),
        (["", "x", "y"], 1, 1, "✗ 1 of 4 collectors ok, 2 failed, 1 not run yet, 1 left out", "2 failed"),
        ([""], 2, 0, "◌ 1 of 3 collectors ok, 2 not run yet", "2 not run yet"),
        ([], 0, 2, "◌ No collector runs, 2 left out", "No collector runs"),
    ],
)
async def test_summary_counts_and_the_title_says_the_worst(
    done: list[str], new: int, absent: int, text: str, title: str
) -> None:
    page = await tried(*(Named("lab", f"c{number}", why) for number, why in enumerate(done)))
    page.runners = [*page.runners, *(background(Named("lab", "new")) for _ in range(new))]
    page.left_out = [Absent("cinder", LeftOut.ABSENT, "lab")] * absent
    summary = shown(page).one("section", aria_label="Summary")
    assert summary.all("p")[0].text == text
    assert shown(page).one("title").text == f"{title}: stratoscope hypervisor"


async def test_collector_that_is_left_out_while_it_runs_is_not_counted_as_one_that_should_be_well() -> None:
    page = await tried(Named("lab", "cpu"))
    agents = background(Unauthorized())
    await agents.first()
    page.runners = [*page.runners, agents]
    assert "✓ 1 of 1 collectors ok, 1 left out" in shown(page).text


async def test_reason_that_several_share_stands_once_and_their_rows_lead_to_it() -> None:
    page = await tried(
        *(Named("uni", f"c{number}", "no route to <keystone>") for number in range(29)),
        Named("lab", "agents", "no route to <keystone>"),
        Named("lab", "pools", "of its own"),
        Named("lab", "cpu"),
    )
    html = shown(page)
    assert html.text.count("no route to <keystone>") == 1
    (cause,) = [one for one in html.all("section") if "id" in one.attributes]
    assert cause.text == "uni: 29 of 29, lab: 1 of 3 collectors fail unavailable: no route to <keystone>"
    links = html.one("tbody").all("a")
    assert {link.text for link in links} == {"unavailable: see above"}
    assert [link.attributes["href"] for link in links] == [f"#{cause.attributes['id']}"] * 30
    assert collectors(html)["pools"]["Why"] == "unavailable: of its own"


async def test_several_reasons_that_are_shared_stand_each_for_itself() -> None:
    page = await tried(
        Named("a", "c0", "x"), Named("b", "c0", "y"), Named("a", "c1", "x"), Named("b", "c1", "y")
    )
    causes = [one for one in shown(page).all("section") if "id" in one.attributes]
    assert [one.text for one in causes] == [
        "a: 2 of 2 collectors fail unavailable: x",
        "b: 2 of 2 collectors fail unavailable: y",
    ]
    assert len({one.attributes["id"] for one in causes}) == 2


async def test_where_there_is_no_cloud_none_is_named() -> None:
    html = shown(await tried(Named("", "c0", "x"), Named("", "c1", "x")))
    assert "2 of 2 collectors fail unavailable: x" in [one.text for one in html.all("section")]


async def test_reason_for_which_several_are_left_out_is_told_in_each_row() -> None:
    runners = [background(Unauthorized()) for _ in range(2)]
    for runner in runners:
        await runner.first()
    page = shown(FakeService(runners=runners))
    assert [row["Why"] for row in rows(page, COLLECTORS)] == ["unauthorized: the role <admin> is needed"] * 2


async def test_everything_shown_is_escaped() -> None:
    evil = "<script>alert('&\"')</script>"
    failing = [background(Named(evil, evil, evil)) for _ in range(2)]
    alone = background(Named(evil, evil, f"{evil} alone"))
    for runner in (*failing, alone):
        await runner.first()
    page = FakeService(name=evil, summary=evil, version=evil, runners=[*failing, alone])
    page.left_out = [Absent(evil, LeftOut.ABSENT, evil)]
    page.warnings = [evil]
    text = landing_page(Pages(page, Access.open(None)), page, "/")
    assert "<script" not in text
    html = parsed(text)
    assert html.one("h1").text == f"stratoscope {evil} {evil}"
    assert html.one("p", role="alert").text == evil
    assert [row["Why"] for row in rows(html, COLLECTORS)][-1] == f"unavailable: {evil} alone"
    assert rows(html, LEFT_OUT) == [{"Cloud": evil, "Collector": evil, "Why": "absent"}]
    assert html.text.count(evil) == 16


def test_collector_that_has_not_run_has_an_empty_cell_which_a_narrow_screen_does_not_show() -> None:
    running = service(Domains())
    page = landing_page(Pages(running, Access.open(None)), running, "/")
    assert '<td role="cell" data-column="Took" class="number"></td>' in page
    style = (files("stratoscope.core.web") / "static" / "style.css").read_text()
    assert "td:empty { display: none; }" in style.partition("@media (max-width: 66rem)")[2]
