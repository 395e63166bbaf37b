"""Exports over HTTP, and our own import of what we export."""

import asyncio
from typing import Any

import msgspec
import pytest
from defusedxml import ElementTree

from stratoscope.clouds.client.http import Http
from stratoscope.downtime.api import export
from stratoscope.downtime.feeds import documents
from stratoscope.downtime.imports.announced import Announced, Parsed
from stratoscope.downtime.imports.fetch import Fetcher
from stratoscope.downtime.imports.mapping import MappingEntry, Table
from stratoscope.downtime.imports.mapping import filed as filed_of
from stratoscope.downtime.imports.settings import Import
from stratoscope.downtime.matchers import matches
from stratoscope.downtime.model import DAY_S, Severity
from support.downtime_site import Site
from support.stores import HOUR, NOW

EVIL = "<script>alert(1)</script> & ]]>"


async def titles(site: Site, query: str, kind: str = "json") -> list[str]:
    answer = await site.ask("GET", f"/export/{kind}?{query}")
    assert answer.status == 200, answer.text
    if kind == "json":
        return [one["title"] for one in msgspec.json.decode(answer.text)["downtimes"]]
    return [one.findtext("DESCRIPTION") for one in ElementTree.fromstring(answer.text)]


async def imported(site: Site) -> Parsed:
    settings = Import(name="us", kind="gocdb", url=f"{site.url}/api/v1/export/gocdb?method=get_downtime")
    fetcher = Fetcher(settings, Http("us", settings.tls()))
    try:
        return await fetcher.fetch(NOW)
    finally:
        await fetcher.close()


async def test_what_we_export_our_own_import_reads(site: Site) -> None:
    one = await site.filed(
        title=EVIL, text="Room 1", matcher_sets=[["cloud=uni", "host=~n1|n2", "service=nova"]]
    )
    risk = await site.filed(severity="at_risk", planned=False)
    soon, long = NOW + 25 * HOUR, NOW + 30 * HOUR
    await site.filed(title="power", start=soon, end=long, matcher_sets=[["cloud=uni"]])
    await site.filed(title="over", start=NOW - 90 * DAY_S, end=NOW - 89 * DAY_S)
    found = await imported(site)
    portal = "GOCDB: https://ops.example.org/downtime/downtimes/"
    rows = {row.external_id: row for row in found.rows}
    n1 = next(row for row in rows.values() if row.services == ("nova",))
    assert n1 == Announced(
        external_id=n1.external_id, title=f"n1 nova: {EVIL}", text=n1.text, planned=False,
        severity=Severity.OUTAGE, start=NOW - HOUR, end=NOW + HOUR, hosts=("n1",), services=("nova",),
    )  # fmt: skip
    assert n1.text.startswith(f"{EVIL}\nRoom 1\n")
    assert n1.text.endswith(f"Site: uni\n{portal}{one}")
    assert sorted((row.hosts, row.planned, row.severity) for row in rows.values()) == [
        (("n1",), False, Severity.AT_RISK),
        (("n1",), False, Severity.OUTAGE),  # one that has begun was not announced a day ahead
        (("n2",), False, Severity.OUTAGE),
        (("uni",), True, Severity.OUTAGE),
    ]
    (at_risk,) = (row for row in rows.values() if row.severity is Severity.AT_RISK)
    assert (at_risk.title, risk in at_risk.text, at_risk.services) == (
        "n1 host: new switch", True, ("host",),
    )  # fmt: skip
    (power,) = (row for row in rows.values() if row.planned)
    assert (power.title, power.services) == ("uni cloud: power", ("cloud",))
    assert found.skipped == {}


SETS = [
    ["cloud=uni"], ["cloud=uni", "host=n1"], ["cloud=uni", "host=~n1|n2"], ["cloud=uni", "service=nova"],
    ["cloud=uni", "host=n1", "service=nova"], ["cloud=uni", "host=n1", "alertname=DiskFull"],
    ["cloud=uni", "alertname=DiskFull"], ["cloud=uni", "host=~n.*"], ["cloud=uni", "host!=n1"],
    ["cloud=uni", "zone=az1"], ["cloud=uni", "host=n1", "service=host"], ["cloud=uni", "service!=nova"],
]  # fmt: skip
OURS = [
    {"cloud": "uni"} | {name: value for name, value in (("host", host), ("service", kind)) if value}
    for host in ("", "n1", "n2") for kind in ("", "nova", "glance")
]  # fmt: skip
MAPPING = tuple(
    MappingEntry(
        labels, labels.get("host", "uni"), labels.get("service", "host" if "host" in labels else "cloud")
    )
    for labels in OURS
)
"""As the documentation has it."""
ALERTS = [
    labels | more
    for labels in (*OURS, {"cloud": "uni", "host": "n1", "service": "host"})
    for more in ({}, {"alertname": "DiskFull"}, {"zone": "az1"})
]


@pytest.mark.parametrize("fields", [{}, {"silences": False}, {"severity": "at_risk"}, {"planned": False}])
@pytest.mark.parametrize("sets", [*([one] for one in SETS), SETS[1:3], SETS[5:2:-1]])
async def test_an_import_of_our_export_silences_no_more_than_the_original(
    site: Site, sets: list[list[str]], fields: dict[str, Any]
) -> None:
    start = NOW + 25 * HOUR
    one = await site.filed(start=start, end=start + HOUR, matcher_sets=sets, **fields)
    original = await site.store.get(one)
    table, silenced = Table(MAPPING), []
    for row in (await imported(site)).rows:
        if mapped := table.matcher_sets(row):
            checked = filed_of(row, mapped, "scheduled_outages", NOW)
            silenced += checked.matcher_sets if checked.silences else ()
    theirs = [alert for alert in ALERTS if any(matches(one, alert) for one in silenced)]
    assert [alert for alert in theirs if not (original.silences and original.explains(alert))] == []
    if not fields and sets[0] in SETS[:5]:  # all of it can be said
        assert theirs == [alert for alert in ALERTS if original.explains(alert)]


async def test_an_export_for_one_cloud_has_no_row_of_a_host_of_another_cloud(site: Site) -> None:
    await site.filed(matcher_sets=[["cloud=uni", "host=n1"], ["cloud=lab", "host=n2"], ["host=n3"]])
    text = (await site.ask("GET", "/export/gocdb?cloud=uni")).text
    assert as_argo_connectors(text) == [("n1", "host")]
    found = await site.json("GET", "/export/json?cloud=uni")
    assert len(found["downtimes"][0]["matcher_sets"]) == 3


def as_argo_connectors(text: str) -> list[tuple[str | None, str | None]]:
    """Host and service of each row, taken from the first element of each name."""
    names = ("HOSTNAME", "SERVICE_TYPE")
    return [
        tuple(next(one.iter(name)).text for name in names)  # type: ignore[misc]  # two
        for one in ElementTree.fromstring(text)
    ]


async def test_each_row_of_an_export_has_a_host_and_a_service(site: Site) -> None:
    for sets in (["cloud=uni"], ["host=n1"], ["zone=az1"], ["cloud=uni", "service=nova"]):
        await site.filed(matcher_sets=[sets])
    found = as_argo_connectors((await site.ask("GET", "/export/gocdb")).text)
    assert sorted(found) == [("n1", "host"), ("uni", "cloud"), ("uni", "nova"), ("unknown", "cloud")]


async def test_an_export_has_the_filters_of_the_list(site: Site) -> None:
    await site.filed(title="n1")
    await site.filed(title="node 2", start=NOW, matcher_sets=[["host=n2"]])
    later = await site.filed(title="later", start=NOW + HOUR, end=NOW + 2 * HOUR)
    await site.json("POST", f"/downtimes/{later}/cancel")
    for query, expected in (
        ("", ["later", "node 2", "n1"]),
        ("host=n1&state=active", ["n1"]),
        ("search=NODE+2&source=person", ["node 2"]),
        (f"from={NOW + HOUR}", ["later"]),
        (f"to={NOW}", ["n1"]),
        ("alertname=Full", []),
        ("team=a", []),
    ):
        assert await titles(site, query) == expected
        assert await titles(site, query, "gocdb") == [one for one in expected if one != "later"]


async def test_gocdbs_own_parameters_choose_days(site: Site) -> None:
    await site.filed(title="today")  # 2027-01-15
    await site.filed(title="tomorrow", start=NOW + DAY_S, end=NOW + DAY_S + HOUR)
    for query, expected in (
        ("method=get_downtime&windowstart=2027-01-15&next_cursor=0", ["tomorrow", "today"]),
        ("windowstart=2027-01-16", ["tomorrow"]),
        ("windowend=2027-01-15", ["today"]),
        ("windowstart=1969-01-01&windowend=2027-01-16", ["tomorrow", "today"]),
    ):
        assert await titles(site, query, "gocdb") == expected


async def test_gocdbs_other_parameters_are_taken_and_those_of_its_own_organisation_choose_nothing(
    site: Site,
) -> None:
    now = await site.filed(title="now")  # from 2027-01-15 07:00 to 09:00
    await site.filed(title="next", start=NOW + DAY_S, end=NOW + DAY_S + HOUR)
    await site.filed(title="past", start=NOW - 2 * DAY_S, end=NOW - DAY_S)
    await site.filed(title="old", start=NOW - 40 * DAY_S, end=NOW - 39 * DAY_S)
    everything = ["next", "now", "past", "old"]
    for query, expected in (
        ("ongoing_only=yes", ["now"]),
        ("ongoing_only=yes&windowstart=2027-01-10", ["now"]),
        ("ongoing_only=no", everything),
        ("startdate=2027-01-15", ["next", "now"]),
        ("enddate=2027-01-16", ["now", "past", "old"]),
        ("startdate=2027-01-13&enddate=2027-01-15", ["past"]),
        ("all_lastmonth=1", ["next", "now", "past"]),
        (f"id={now}", ["now"]),
        ("scope=", everything),
        ("topentity=GRIDOPS&scope=EGI,Local&scope_match=all", everything),
        ("site_extensions=(a=b)&service_extensions=(a=b)", everything),
    ):
        assert await titles(site, query, "gocdb") == expected, query


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "json?windowstart=2027-01-15",
            "windowstart: unknown parameter; allowed: alertname, cloud, from, host, ",
        ),
        ("json?limit=5", "limit: unknown parameter; allowed: alertname, "),
        ("gocdb?method=get_site", "method: 'get_site'; allowed: get_downtime\n"),
        ("gocdb?next_cursor=5", "next_cursor: '5'; allowed: 0\n"),
        ("gocdb?windowstart=x", "windowstart: 'x'; allowed: a date such as 2027-01-15\n"),
        ("gocdb?windowend=2027-01-15&to=5", "windowend: stands beside to; allowed: one of both\n"),
        ("gocdb?ongoing_only=1", "ongoing_only: '1'; allowed: yes or no\n"),
        ("gocdb?ongoing_only=yes&state=ended", "ongoing_only: stands beside state; allowed: one of both\n"),
        ("gocdb?startdate=x", "startdate: 'x'; allowed: a date such as 2027-01-15\n"),
        ("gocdb?ngilist=NGI", "ngilist: unknown parameter; allowed: alertname, all_lastmonth, "),
        ("json?scope=EGI", "scope: unknown parameter; allowed: alertname, "),
    ],
)
async def test_a_wrong_parameter_is_named(site: Site, path: str, text: str) -> None:
    answer = await site.ask("GET", f"/export/{path}")
    assert (answer.status, answer.text[: len(text)]) == (400, text)


async def test_an_export_is_whole_or_an_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MOST", 2)
    for title in ("one", "two", "six"):
        await site.filed(title=title)
    answer = await site.ask("GET", "/export/json")
    assert answer.status == 400
    assert answer.text == "from: more than 2 downtimes; allowed: fewer, by from, to, state or labels\n"
    assert await titles(site, "search=one") == ["one"]  # an id has no o


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
    await site.filed(title="new")
    newer = asyncio.create_task(titles(site, ""))
    await asked.wait()
    gate.set()
    assert (await older, await newer) == ([], ["new"])


async def test_who_asks_for_too_many_at_once_is_told_when_to_ask_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MOST_AT_ONCE", 0)
    answer = await site.ask("GET", "/export/json")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "10")
    assert answer.text == "0 documents are being made for you; allowed: one after the other\n"


async def test_an_export_is_never_old_and_nothing_is_sent_again(site: Site) -> None:
    tag = (await site.ask("GET", "/export/gocdb")).headers["ETag"]
    again = await site.ask("GET", "/export/gocdb", If_None_Match=tag)
    assert (again.status, again.text) == (304, "")
    await site.filed(title="new")
    fresh = await site.ask("GET", "/export/gocdb", If_None_Match=tag)
    assert (fresh.status, fresh.headers["Content-Type"]) == (200, "application/xml; charset=utf-8")
    assert await titles(site, "") == ["new"]
