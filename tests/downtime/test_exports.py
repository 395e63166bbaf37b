"""Exports over HTTP, and our own import of what we export."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from defusedxml import ElementTree

from stratoscope.clouds.client.http import Http
from stratoscope.downtime.api import export
from stratoscope.downtime.imports.announced import Announced, Skip
from stratoscope.downtime.imports.fetch import Fetcher
from stratoscope.downtime.imports.settings import Import
from stratoscope.downtime.model import DAY_S, Severity
from support.downtime_site import DRAFT, Site, downtimes
from support.stores import HOUR, NOW

EVIL = "<script>alert(1)</script> & ]]>"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with downtimes(tmp_path) as found:
        yield found


async def filed(site: Site, **fields: Any) -> str:
    answer = await site.json("POST", "/downtimes", DRAFT | fields)
    return str(answer["id"])


async def titles(site: Site, query: str, kind: str = "json") -> list[str]:
    answer = await site.ask("GET", f"/export/{kind}?{query}")
    assert answer.status == 200, answer.text
    if kind == "json":
        return [one["title"] for one in msgspec.json.decode(answer.text)["downtimes"]]
    return [one.findtext("DESCRIPTION") for one in ElementTree.fromstring(answer.text)]


async def test_what_we_export_our_own_import_reads(site: Site) -> None:
    one = await filed(
        site, title=EVIL, text="Room 1", matcher_sets=[["cloud=uni", "host=~n1|n2", "service=nova"]]
    )
    risk = await filed(site, severity="at_risk", planned=False)
    cloud = await filed(site, matcher_sets=[["cloud=uni"]])
    await filed(site, title="over", start=NOW - 90 * DAY_S, end=NOW - 89 * DAY_S)
    settings = Import(name="us", kind="gocdb", url=f"{site.url}/api/v1/export/gocdb?method=get_downtime")
    fetcher = Fetcher(settings, Http("us", settings.tls()))
    try:
        found = await fetcher.fetch(NOW)
    finally:
        await fetcher.close()
    portal = "GOCDB: https://ops.example.org/downtime/downtimes/"
    rows = {row.external_id: row for row in found.rows}
    n1 = next(row for row in rows.values() if row.hosts == ("n1",) and row.services)
    assert n1 == Announced(
        external_id=n1.external_id, title=f"n1 nova: {EVIL}", text=n1.text, planned=True,
        severity=Severity.OUTAGE, start=NOW - HOUR, end=NOW + HOUR, hosts=("n1",), services=("nova",),
    )  # fmt: skip
    assert n1.text.startswith(f"{EVIL}\nRoom 1\n")
    assert n1.text.endswith(f"Site: uni\n{portal}{one}")
    assert sorted((row.hosts, row.planned, row.severity) for row in rows.values()) == [
        (("n1",), False, Severity.AT_RISK),
        (("n1",), True, Severity.OUTAGE),
        (("n2",), True, Severity.OUTAGE),
    ]
    (at_risk,) = (row for row in rows.values() if not row.planned)
    assert (at_risk.title, risk in at_risk.text, at_risk.services) == ("n1: new switch", True, ())
    assert found.skipped == {Skip.MISSING: 1}, cloud  # GOCDB has no downtime without a host


async def test_an_export_has_the_filters_of_the_list(site: Site) -> None:
    await filed(site, title="n1")
    await filed(site, title="n2", start=NOW, matcher_sets=[["host=n2"]])
    later = await filed(site, title="later", start=NOW + HOUR, end=NOW + 2 * HOUR)
    await site.json("POST", f"/downtimes/{later}/cancel")
    for query, expected in (
        ("", ["later", "n2", "n1"]),
        ("host=n1&state=active", ["n1"]),
        ("search=N2&source=person", ["n2"]),
        (f"from={NOW + HOUR}", ["later"]),
        (f"to={NOW}", ["n1"]),
    ):
        assert await titles(site, query) == expected
        assert await titles(site, query, "gocdb") == [one for one in expected if one != "later"]


async def test_gocdbs_own_parameters_choose_days(site: Site) -> None:
    await filed(site, title="today")  # 2027-01-15
    await filed(site, title="tomorrow", start=NOW + DAY_S, end=NOW + DAY_S + HOUR)
    for query, expected in (
        ("method=get_downtime&windowstart=2027-01-15&next_cursor=0", ["tomorrow", "today"]),
        ("windowstart=2027-01-16", ["tomorrow"]),
        ("windowend=2027-01-15", ["today"]),
        ("windowstart=1969-01-01&windowend=2027-01-16", ["tomorrow", "today"]),
    ):
        assert await titles(site, query, "gocdb") == expected


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "json?windowstart=2027-01-15",
            "windowstart: unknown parameter; allowed: cloud, from, host, project_id,",
        ),
        ("json?limit=5", "limit: unknown parameter; allowed: cloud,"),
        ("gocdb?method=get_site", "method: 'get_site'; allowed: get_downtime\n"),
        ("gocdb?next_cursor=5", "next_cursor: '5'; allowed: 0\n"),
        ("gocdb?windowstart=x", "windowstart: 'x'; allowed: a date such as 2027-01-15\n"),
        ("gocdb?windowend=2027-01-15&to=5", "windowend: stands beside to; allowed: one of both\n"),
        ("gocdb?scope=EGI", "scope: unknown parameter; allowed: cloud, from, host, method, next_cursor,"),
    ],
)
async def test_a_wrong_parameter_is_named(site: Site, path: str, text: str) -> None:
    answer = await site.ask("GET", f"/export/{path}")
    assert (answer.status, answer.text[: len(text)]) == (400, text)


async def test_an_export_is_whole_or_an_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MOST", 2)
    for title in ("one", "two", "three"):
        await filed(site, title=title)
    answer = await site.ask("GET", "/export/json")
    assert answer.status == 400
    assert answer.text == "from: more than 2 downtimes; allowed: fewer, by from, to, state or labels\n"
    assert await titles(site, "search=one") == ["one"]  # no id has an o


async def test_what_was_filed_is_in_an_export_while_an_older_one_is_being_made(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, revision = type(site.store).find, type(site.store).revision
    began, gate, asked = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def held(*args: Any, **named: Any) -> Any:
        found = await find(*args, **named)
        began.set()
        await gate.wait()
        return found

    async def seen(store: Any) -> int:
        if began.is_set():
            asked.set()
        return await revision(store)

    monkeypatch.setattr(type(site.store), "find", held)
    monkeypatch.setattr(type(site.store), "revision", seen)
    older = asyncio.create_task(titles(site, ""))
    await began.wait()
    await filed(site, title="new")
    newer = asyncio.create_task(titles(site, ""))
    await asked.wait()
    gate.set()
    assert (await older, await newer) == ([], ["new"])


async def test_an_export_is_never_old_and_nothing_is_sent_again(site: Site) -> None:
    tag = (await site.ask("GET", "/export/gocdb")).headers["ETag"]
    again = await site.ask("GET", "/export/gocdb", If_None_Match=tag)
    assert (again.status, again.text) == (304, "")
    await filed(site, title="new")
    fresh = await site.ask("GET", "/export/gocdb", If_None_Match=tag)
    assert (fresh.status, fresh.headers["Content-Type"]) == (200, "application/xml; charset=utf-8")
    assert await titles(site, "") == ["new"]
