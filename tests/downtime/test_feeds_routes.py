"""Feeds over HTTP, as calendars and feed readers ask for them."""

import gzip
import logging
from typing import Any

import feedparser
import icalendar
import msgspec
import pytest
from aiohttp import ClientSession

from stratoscope.downtime.database.errors import StoreError
from stratoscope.downtime.model import DAY_S, Rearm
from support.asking import Answered, ask
from support.downtime_site import DRAFT, Site
from support.stores import HOUR, NOW

EVIL = "<script>alert(1)</script> & ]]>"


async def feed(site: Site, end: str, token: str = "t0ken", **headers: str) -> Answered:  # noqa: S107
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await ask(f"{site.url}/feeds/{token}/downtimes.{end}", headers=named)


async def test_a_calendar_has_an_event_for_each_also_for_what_is_cancelled(site: Site) -> None:
    one = await site.filed(title=EVIL)
    gone = await site.filed(title="gone", start=NOW + DAY_S, end=NOW + 2 * DAY_S)
    await site.json("POST", f"/downtimes/{gone}/cancel")
    answer = await feed(site, "ics")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    calendar = icalendar.Calendar.from_ical(answer.text)
    events = {str(event["UID"]): event for event in calendar.walk("VEVENT")}
    assert {*events} == {f"{one}@stratoscope", f"{gone}@stratoscope"}
    event = events[f"{one}@stratoscope"]
    assert (event["SUMMARY"], event["STATUS"]) == (EVIL, "CONFIRMED")
    assert event["URL"] == f"https://ops.example.org/downtime/downtimes/{one}"
    assert event["DTSTART"].dt.timestamp() == NOW - HOUR
    assert events[f"{gone}@stratoscope"]["STATUS"] == "CANCELLED"
    assert calendar["NAME"] == "Downtimes: ops"


async def test_a_feed_reader_shows_titles_as_text(site: Site) -> None:
    one = await site.filed(title=EVIL, text="<img src=x onerror=alert(1)>")
    answer = await feed(site, "rss")
    assert answer.headers["Content-Type"] == "application/rss+xml; charset=utf-8"
    found = feedparser.parse(answer.text)
    assert (found.bozo, found.version, found.feed.title) == (False, "rss20", "Downtimes: ops")
    (entry,) = found.entries
    assert entry.title == "&lt;script&gt;alert(1)&lt;/script&gt; &amp; ]]&gt;"
    assert "<img" not in entry.summary
    assert entry.link == f"https://ops.example.org/downtime/downtimes/{one}"
    assert entry.published_parsed[:3] == (2027, 1, 15)


async def test_a_feed_reader_gets_a_new_item_for_each_change_and_none_for_an_end_that_moves_by_itself(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratoscope.downtime.feeds.documents.KEPT_S", 0)
    monkeypatch.setattr("stratoscope.downtime.feeds.documents._AT_ONCE_S", 60)  # a busy machine is slow

    async def guid() -> str:
        (entry,) = feedparser.parse((await feed(site, "rss")).text).entries
        return str(entry.id)

    one = await site.filed()
    longer = {"end": NOW + 2 * HOUR}
    guids = [await guid()]
    for method, path, body in (
        ("POST", f"/downtimes/{one}/extend", longer),
        ("PUT", f"/downtimes/{one}", DRAFT | longer | {"text": "why"}),
        ("POST", f"/downtimes/{one}/extend", {"until_further_notice": True}),
    ):
        await site.json(method, path, body)
        guids.append(await guid())
    seen = (await site.store.get(one)).end
    moved = await site.store.rearm([Rearm(one, seen, NOW + 2 * DAY_S)], who="exporter", now=NOW + HOUR)
    assert moved == 1
    guids.append(await guid())
    await site.json("POST", f"/downtimes/{one}/cancel")
    assert [*guids, await guid()] == [f"{one}/{revision}" for revision in (1, 2, 3, 4, 4, 5)]


async def test_the_json_feed_says_what_is_down_as_of_when(site: Site) -> None:
    one = await site.filed()
    answer = await feed(site, "json")
    found = msgspec.json.decode(answer.text)
    assert (answer.headers["Content-Type"], found["as_of"]) == ("application/json", NOW)
    assert [(one["id"], one["state"]) for one in found["downtimes"]] == [(one, "active")]


async def test_a_feed_has_what_its_labels_choose_and_what_ended_lately(site: Site) -> None:
    await site.filed(title="n1")
    await site.filed(title="n2", matcher_sets=[["host=n2"]])
    await site.filed(title="lately", start=NOW - 31 * DAY_S, end=NOW - 30 * DAY_S + 1)
    await site.filed(title="long ago", start=NOW - 32 * DAY_S, end=NOW - 30 * DAY_S)
    for token, titles in (("t0ken", ["n2", "n1", "lately"]), ("of-n1", ["n1", "lately"])):
        found = msgspec.json.decode((await feed(site, "json", token)).text)
        assert sorted(one["title"] for one in found["downtimes"]) == sorted(titles)


async def test_a_wrong_token_is_404_and_no_token_is_logged(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise StoreError("file", "no space left")

    with caplog.at_level(logging.DEBUG):
        assert (await feed(site, "ics")).status == 200
        wrong = await feed(site, "ics", "wr0ng")
        assert (wrong.status, wrong.text) == (404, "no such page, or its token is wrong\n")
        monkeypatch.setattr(type(site.store), "find", broken)
        failed = await feed(site, "rss")
        assert (failed.status, failed.text) == (
            503,
            "the database cannot be used; who has a role is told why\n",
        )
    assert "t0ken" not in caplog.text
    assert "wr0ng" not in caplog.text


async def test_a_parameter_is_refused_since_the_configuration_chooses(site: Site) -> None:
    answer = await ask(f"{site.url}/feeds/t0ken/downtimes.ics?host=n1")
    assert answer.status == 400
    assert answer.text == "host: unknown parameter; allowed: none, since the configuration chooses\n"


async def test_who_has_the_feed_is_told_so_until_it_says_something_else(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratoscope.downtime.feeds.documents.KEPT_S", 0)
    monkeypatch.setattr("stratoscope.downtime.feeds.documents._AT_ONCE_S", 60)  # a busy machine is slow
    await site.filed()
    first = await feed(site, "json")
    tag, changed = first.headers["ETag"], first.headers["Last-Modified"]
    assert changed == "Fri, 15 Jan 2027 08:00:00 GMT"
    assert (tag[:3], first.headers["Cache-Control"]) == ('W/"', "private, no-cache")
    site.now += 60
    for headers in ({"If_None_Match": tag}, {"If_None_Match": "*"}, {"If_Modified_Since": changed}):
        again = await feed(site, "json", **headers)
        assert (again.status, again.text, again.headers["ETag"]) == (304, "", tag)
        assert again.headers["Last-Modified"] == changed
    before = {"If_Modified_Since": "Fri, 15 Jan 2027 07:59:59 GMT"}
    assert (await feed(site, "json", **before)).status == 200
    assert (await feed(site, "json", If_None_Match='"x"', If_Modified_Since=changed)).status == 200
    site.now = NOW + HOUR  # it is over: nobody has changed it, but what is said of it
    ended = await feed(site, "json", If_None_Match=tag)
    assert (ended.status, msgspec.json.decode(ended.text)["downtimes"][0]["state"]) == (200, "ended")
    assert ended.headers["Last-Modified"] == "Fri, 15 Jan 2027 09:00:00 GMT"


async def test_a_feed_is_compressed_for_who_takes_it(site: Site) -> None:
    await site.filed(text="All guests were moved before.\n" * 50)
    plain = await feed(site, "ics", Accept_Encoding="identity")
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["Vary"] == "Accept-Encoding"
    async with (
        ClientSession(auto_decompress=False) as session,
        session.get(f"{site.url}/feeds/t0ken/downtimes.ics") as response,
    ):
        body = await response.read()
        assert response.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(body).decode() == plain.text
        head = await session.head(f"{site.url}/feeds/t0ken/downtimes.ics")
        assert (head.status, await head.read()) == (200, b"")


async def test_a_feed_is_read_from_the_database_once_a_minute(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    find = type(site.store).find

    async def counted(*args: Any, **named: Any) -> Any:
        nonlocal asked
        asked += 1
        return await find(*args, **named)

    monkeypatch.setattr(type(site.store), "find", counted)
    for _ in range(3):
        assert (await feed(site, "ics")).status == 200
    assert asked == 1
