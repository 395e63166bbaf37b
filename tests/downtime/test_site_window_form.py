"""The form of a recurring window: what it files, its preview, and what it says when that cannot be."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stratoscope.downtime.database import windows
from support.asking import Answered, ask, basic
from support.downtime_app import alertmanager
from support.downtime_site import Site, beside, downtimes
from support.fake_downtimes import BAD
from support.html_page import parsed

NEW = "/windows/new"
TYPED = {
    "title": "patches", "matcher_sets": "cloud=uni, host=n1", "rrule": "FREQ=WEEKLY;BYDAY=SU",
    "first": "2027-03-21T22:00", "duration": "2h", "zone": "Europe/Berlin",
}  # fmt: skip


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with downtimes(tmp_path, zone=ZoneInfo("Europe/Berlin")) as found:
        yield found


async def sent(site: Site, button: str = "File it", **typed: str) -> Answered:
    return await site.send(await site.page(NEW), button, **(TYPED | typed))


async def all_of(site: Site) -> Any:
    return (await site.json("GET", "/windows"))["windows"]


async def test_form_files_a_window_and_leads_to_it(site: Site) -> None:
    form = await site.page(NEW)
    values = {one.attributes["name"]: one.attributes["value"] for one in form.all("input")}
    assert (values["first"], values["duration"], values["zone"]) == (
        "2027-01-15T10:00",
        "1h",
        "Europe/Berlin",
    )
    answer = await sent(site, title=BAD, text="a\nb", first="2027-01-17T22:00", silences="no")
    (one,) = await all_of(site)
    assert (answer.status, answer.location) == (303, f"/windows?window={one['id']}#w-{one['id']}")
    assert (one["title"], one["text"], one["silences"], one["author"]) == (BAD, "a\nb", False, "loopback")
    assert (one["rrule"], one["first"], one["duration_s"]) == (TYPED["rrule"], "2027-01-17T22:00:00", 7200)
    assert len((await site.json("GET", "/downtimes"))["downtimes"]) == 2
    assert site.wakes == 1


async def test_form_is_linked_for_those_who_may_file(tmp_path: Path) -> None:
    async with downtimes(tmp_path, has_users=True) as site:

        async def links(path: str, user: str) -> list[str]:
            page = await site.page(path, user=user)
            return [one.attributes["href"] for one in page.all("a")]

        assert NEW in await links("/windows", "alice")
        assert NEW in await links("/downtimes/new", "alice")
        assert NEW not in await links("/windows", "bob")
        page = await site.page(NEW, user="alice")
        assert "/downtimes/new" in await links(NEW, "alice")
        assert (await ask(site.url + NEW, headers=basic("bob"))).status == 403
        fields = TYPED | {"csrf": page.one("input", name="csrf").attributes["value"], "do": "store"}
        refused = await ask(f"{site.url}/windows", "POST", headers=basic("bob"), data=fields)
        assert refused.status == 403


async def test_form_that_is_sent_twice_files_one_and_with_other_content_says_so(site: Site) -> None:
    page = await site.page(NEW)
    first, again = [await site.send(page, "File it", **TYPED) for _ in range(2)]
    assert first.location == again.location
    other = await site.send(page, "File it", **(TYPED | {"title": "other"}))
    assert other.status == 409
    assert "this form has filed a window already, of other content" in other.text
    assert (await site.send(parsed(other.text), "File it")).status == 303
    assert len(await all_of(site)) == 2
    assert {one["title"] for one in await all_of(site)} == {"patches", "other"}


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"title": ""}, "title", "is no title"),
        ({"rrule": "FREQ=MINUTELY"}, "rrule", "FREQ=MINUTELY; allowed: FREQ=HOURLY, DAILY"),
        ({"rrule": ""}, "rrule", "no part of a rule"),
        ({"first": "2027-03-22T22:00"}, "first", "allowed: a start such as 2027-03-28T22:00:00"),
        ({"first": "monday"}, "first", "'monday' is no date with a time; allowed: such as 2026-12-01T08:00"),
        ({"duration": "for ever"}, "duration", "'for ever' is no duration; allowed: such as 90m, 2h"),
        ({"duration": "8d"}, "duration", "in seconds: 691200, but the next occurrence may begin 604800 s"),
        ({"zone": "Europe/Berlni"}, "zone", "unknown time zone 'Europe/Berlni'; allowed: Europe/Berlin"),
        ({"matcher_sets": "hots=n1"}, "matcher_sets", "set 1: unknown label hots; allowed: host?"),
        ({"severity": "bad"}, "severity", "'bad'; allowed: outage, degraded, at_risk"),
    ],
)
async def test_mistake_stands_at_its_field_with_what_was_typed(
    site: Site, typed: dict[str, str], field: str, words: str
) -> None:
    # Confirmed, it is filed without a look at the alerts.
    for more in ({}, {"confirm": "yes"}):
        answer = await sent(site, **typed, **more)
        page = parsed(answer.text)
        assert answer.status == 400
        assert words in page.one("p", id=f"{field}-error").text
        if field not in ("severity", "matcher_sets"):
            assert page.one("input", id=field).attributes["value"] == typed[field]
        assert await all_of(site) == []


async def test_preview_has_the_next_occurrences_and_the_alerts_of_now(tmp_path: Path) -> None:
    async with alertmanager() as am, beside(tmp_path, am.url) as site:
        am.alerts = [{"alertname": "HostDown", "host": name} for name in ("n1", "n2", "n3")]
        answer = await sent(site, "Preview its alerts", matcher_sets="host=~n[12]", duration="90m")
        told = parsed(answer.text).one("section", role="status")
        assert [one.text for one in told.all("ul")[0].all("li")] == [
            "2027-03-21 22:00 +01:00 to 2027-03-21 23:30 +01:00",
            "2027-03-28 22:00 +02:00 to 2027-03-28 23:30 +02:00",
            "2027-04-04 22:00 +02:00 to 2027-04-04 23:30 +02:00",
            "2027-04-11 22:00 +02:00 to 2027-04-11 23:30 +02:00",
            "2027-04-18 22:00 +02:00 to 2027-04-18 23:30 +02:00",
        ]
        assert "2 of 3 current alerts match." in told.text
        assert (answer.status, await all_of(site)) == (200, [])
        every = await sent(site, "Preview its alerts", matcher_sets='host=~".+"')
        assert "It would silence every alert. Tick the box below" in parsed(every.text).text
        refused = await sent(site, matcher_sets="host=~n[1-3]")
        assert "matches all 3 current alerts" in refused.text
        assert (refused.status, await all_of(site)) == (400, [])
        assert (await site.send(parsed(refused.text), "File it", confirm="yes")).status == 303
        wrong = await sent(site, "Preview its alerts", duration="400d")
        assert (wrong.status, "365d at most" in wrong.text) == (400, True)


async def test_one_window_too_many_is_said(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MOST", 0)
    answer = await sent(site)
    assert answer.status == 409
    page = parsed(answer.text)
    assert "there are 0 windows; allowed: a new one" in page.one("section", role="alert").text
    assert page.one("input", name="title").attributes["value"] == "patches"
