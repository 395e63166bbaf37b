"""The landing page."""

import re
import time
from dataclasses import replace

import pytest

from stratoscope.core.collector import Absent
from stratoscope.core.errors import LeftOut
from stratoscope.core.web.landing import LINKS, landing_page
from support.services import Domains, Failing, FakeService, Unauthorized, background, service


def cells(page: str, collector: str) -> list[str]:
    """A collector's row, as a person reads it."""
    row = next(row for row in re.split("<tr>|</tbody>", page) if f"<td>{collector}<" in row)
    return [re.sub("<[^>]*>", "", cell) for cell in re.split("<td[^>]*>", row)[1:]]


def test_page_says_what_runs_and_links_to_the_rest() -> None:
    page = landing_page(FakeService(), [])
    assert "hypervisor <small>1.2.3</small>" in page
    assert "Watches VMs from their host." in page
    assert all(f'href="{link}"' in page for link in LINKS)
    assert "None runs yet." in page


async def test_each_collector_has_a_row_with_its_state() -> None:
    domains, failing = service(Domains()).runners[0], background(Failing())
    page = landing_page(FakeService(runners=[domains, failing]), [])
    assert cells(page, "domains") == ["lab", "domains", "when scraped", "not run yet", "never", "", "0", ""]
    await domains.first()
    await failing.first()
    domains.status = replace(domains.status, last_success=time.time() - 90, duration_s=0.0421)
    failing.status = replace(failing.status, duration_s=1.5)
    page = landing_page(FakeService(runners=[domains, failing]), [])
    assert cells(page, "domains") == ["lab", "domains", "when scraped", "✓ ok", "90 s ago", "42 ms", "4", ""]
    assert cells(page, "pools") == [
        "lab",
        "pools",
        "every 60 s, kept for 5 min",
        "✗ failed",
        "never",
        "1.5 s",
        "0",
        "unavailable: no route to &lt;b&gt;storage&lt;/b&gt;",
    ]


@pytest.mark.parametrize(
    ("age_s", "text"),
    [(-5, "1 s ago"), (600, "10 min ago"), (3 * 3600, "3 h ago"), (4 * 86400, "4 d ago")],
)
async def test_age_is_told_in_the_unit_that_fits(age_s: float, text: str) -> None:
    shown = service(Domains())
    await shown.runners[0].first()
    shown.runners[0].status = replace(shown.runners[0].status, last_success=time.time() - age_s)
    assert cells(landing_page(shown, []), "domains")[4] == text


async def test_collector_that_the_source_leaves_out_says_so_in_its_row() -> None:
    runner = background(Unauthorized())
    await runner.first()
    assert cells(landing_page(FakeService(runners=[runner]), []), "agents") == [
        "lab",
        "agents",
        "every 60 s, kept for 5 min",
        "left out",
        "never",
        "",
        "0",
        "unauthorized: the role &lt;admin&gt; is needed",
    ]


def test_left_out_collectors_are_shown_with_their_reason() -> None:
    page = landing_page(FakeService(left_out=[Absent("cinder", LeftOut.UNAUTHORIZED, "uni")]), [])
    assert cells(page, "cinder") == ["uni", "cinder", "unauthorized"]


async def test_everything_shown_is_escaped() -> None:
    evil = "<script>alert('&')</script>"
    collector = Failing()
    collector.name = collector.cloud = evil
    shown = FakeService(name=evil, summary=evil, version=evil, runners=[background(collector)])
    shown.left_out = [Absent(evil, LeftOut.ABSENT, evil)]
    await shown.runners[0].first()
    page = landing_page(shown, [evil])
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;") == 9
    assert '<div class="warning" role="alert">&lt;script' in page
