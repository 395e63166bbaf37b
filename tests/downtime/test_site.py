"""The pages as they are served, with a real store: who sees what, lists, and the buttons of a downtime."""

from pathlib import Path
from typing import Any

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.downtime.database.errors import StoreError
from stratoscope.downtime.model import DAY_S, Downtime
from stratoscope.downtime.pages.overview import ON_A_PAGE
from stratoscope.downtime.silences.reconciler import Reconciler
from stratoscope.downtime.silences.record import SilenceRecord, Standing
from stratoscope.downtime.silences.report import Report
from support.asking import ask, basic
from support.downtime_site import DRAFT, Site, downtimes, filled_in
from support.fake_alertmanager import FakeAlertmanager
from support.fake_downtimes import BAD, imports
from support.html_page import refusal, rows
from support.stores import HOUR, NOW, wanted

LIST = "Downtimes that are active or upcoming"
FOUND = "Downtimes, latest start first"


async def filed(site: Site, **fields: Any) -> Downtime:
    return await site.store.file(wanted(**fields), who="alice", now=NOW)


PARAMETERS = {
    "/?page=0": (400, "page: '0'; allowed: 1 or more"),
    "/?page=1234567": (400, "page: '1234567'; allowed: 1 or more"),
    "/?page=\u0662": (400, "page: '\u0662'; allowed: 1 or more"),
    "/?view=year": (400, "view: 'year'; allowed: day, week, month"),
    "/?from=monday": (400, "from: 'monday'; allowed: a day from 1971 to 2998: 2026-11-30"),
    "/?after=zz": (400, "after: unknown parameter; allowed: from, page, view"),
    "/downtimes?limit=0": (
        400,
        "limit: unknown parameter; allowed: after, cloud, host, search, source, state",
    ),
    "/downtimes?after=zz": (400, "after: 'zz'; allowed: `next` of the page before"),
    "/downtimes/new?tilte=x": (400, "tilte: unknown parameter; allowed: copy, matcher, text, title"),
    "/downtimes/new?copy=nope": (404, "no downtime nope"),
    "/downtimes/nope": (404, "no downtime nope"),
    "/downtimes/nope?history_before=1": (400, "history_before: '1'; allowed: 2 or more"),
    "/downtimes/nope/change?x=1": (400, "x: unknown parameter; allowed: none"),
    "/windows?limit=0": (400, "limit: unknown parameter; allowed: page, window"),
    "/windows?page=x": (400, "page: 'x'; allowed: 1 or more"),
    "/windows?window=nope": (404, "no window nope"),
    "/windows/new?title=x": (400, "title: unknown parameter; allowed: none"),
}


@pytest.mark.parametrize("path", PARAMETERS)
async def test_a_wrong_parameter_of_a_page_is_a_page_that_says_so(site: Site, path: str) -> None:
    status, words = PARAMETERS[path]
    page = await site.page(path, status=status)
    assert words in page.one("p", role="alert", **{"class": "notice failed"}).text
    assert page.one("nav", aria_label="Back").one("a").attributes["href"] == "/"


async def test_overview_shows_what_is_down_now_and_next_and_draws_it(site: Site) -> None:
    await filed(site, title="later", start=NOW + HOUR, end=NOW + 2 * HOUR)
    one = await filed(site, title=BAD)
    await filed(site, title="over", start=NOW - 9 * HOUR, end=NOW - HOUR)
    page = await site.page("/?view=day")
    assert page.all("title")[0].text == "1 downtime is active, 1 upcoming: stratoscope downtime"
    assert [(row["State"], row["Title"]) for row in rows(page, LIST)] == [
        ("✗ active", BAD), ("◌ upcoming", "later"),
    ]  # fmt: skip
    assert {link.attributes["href"] for link in page.all("a") if link.all("title")} > {f"/downtimes/{one.id}"}
    assert "None is configured: nothing is silenced." in page.text
    assert "Imports" not in page.text


async def test_pages_of_the_list_keep_what_the_timeline_shows(site: Site) -> None:
    for number in range(ON_A_PAGE + 1):
        await filed(site, title=str(number), start=NOW + number, end=NOW + HOUR + number)
    page = await site.page("/?view=month&from=2027-01-01")
    (following,) = (one.attributes["href"] for one in page.all("a", rel="next"))
    assert following == "/?view=month&from=2027-01-01&page=2#list"
    second = await site.page(following.partition("#")[0])
    assert [row["Title"] for row in rows(second, LIST)] == [str(ON_A_PAGE)]
    assert "/?view=day&from=2027-01-01&page=2#timeline" in [one.attributes["href"] for one in second.all("a")]


async def test_overview_shows_how_a_real_reconciler_stands_and_what_imports_say(tmp_path: Path) -> None:
    am = FakeAlertmanager("main")
    reconcilers: list[Reconciler] = []
    more = {
        "silences": lambda: [one.report for one in reconcilers],
        "imports": lambda: [*imports(NOW)],
    }
    async with downtimes(tmp_path, **more) as site:
        reconcilers.append(Reconciler(am, site.store, site.store.records, clock=am.clock))
        one = await filed(site)
        await reconcilers[0].reconcile()
        page = await site.page("/")
        assert (
            page.one("ul", **{"class": "states"}).text
            == "✓ main: in step 1 of 1 silences, last success 1 s ago"
        )
        assert [row["Source"] for row in rows(page, "Imports and their age")] == [
            "gocdb:egi", "osg:uni", "ical:uni",
        ]  # fmt: skip
        assert page.all("a", href="/downtimes?source=gocdb%3Aegi")
        (silence,) = am.live()
        shown = await site.page(f"/downtimes/{one.id}")
        assert f'main: written {{cloud="uni", host="n1"}}, id {silence.id}' in shown.text


async def test_find_shows_past_ones_too_and_pages_keep_the_filter(site: Site) -> None:
    for number in range(ON_A_PAGE + 1):
        await filed(site, title=f"rack & {number}", start=NOW - 2 * HOUR - number, end=NOW - HOUR)
    await filed(site, title="other", matcher_sets=(("host=n2",),))
    page = await site.page("/downtimes?search=rack+%26&state=&host=n1")
    assert [row["Title"] for row in rows(page, FOUND)] == [f"rack & {n}" for n in range(ON_A_PAGE)]
    (following,) = (one.attributes["href"] for one in page.all("a", rel="next"))
    assert following.startswith("/downtimes?search=rack+%26&host=n1&after=")
    second = await site.page(following)
    assert [row["Title"] for row in rows(second, FOUND)] == [f"rack & {ON_A_PAGE}"]
    assert second.one("input", name="search").attributes["value"] == "rack &"
    assert second.all("a", rel="next") == []
    assert second.all("a", href="/downtimes?search=rack+%26&host=n1")[0].text == "First page"
    (chosen,) = (await site.page("/downtimes?state=active")).all("option", selected="")
    assert chosen.text == "active"
    assert "No downtime is like that." in (await site.page("/downtimes?source=gocdb:egi")).text
    wrong = await ask(f"{site.url}/downtimes?state=gone")
    assert (wrong.status, refusal(wrong.text)) == (
        400, "state: 'gone'; allowed: upcoming, active, ended, cancelled"
    )  # fmt: skip


async def test_who_sees_and_may_what(tmp_path: Path) -> None:
    async with downtimes(tmp_path, has_users=True) as site:
        one = await filed(site, title="secret")
        path = f"/downtimes/{one.id}"
        for method, page, statuses in (
            ("GET", "/", (200, 200, 200)),
            ("GET", "/downtimes", (401, 200, 200)),
            ("GET", path, (401, 200, 200)),
            ("GET", "/downtimes/new", (401, 403, 200)),
            ("GET", f"{path}/change", (401, 403, 200)),
            ("POST", "/downtimes", (401, 403, 415)),
            ("POST", f"{path}/change", (401, 403, 415)),
            ("POST", f"{path}/extend", (401, 403, 415)),
            ("POST", f"{path}/end", (401, 403, 415)),
            ("POST", f"{path}/cancel", (401, 403, 415)),
            ("POST", f"{path}/silence", (401, 403, 415)),
        ):
            users: list[dict[str, str]] = [{}, basic("bob"), basic("alice")]
            answers = [await ask(site.url + page, method, headers=user) for user in users]
            assert tuple(answer.status for answer in answers) == statuses, page
        anybody = await site.page("/")
        assert "1 downtime is active, 0 upcoming" in anybody.text
        assert "secret" not in anybody.text
        assert not (await site.page("/", user="bob")).all("a", href="/downtimes/new")
        assert not (await site.page(path, user="bob")).all("form")
        assert len((await site.page(path, user="alice")).all("form")) == 3


async def test_a_form_of_another_site_or_user_changes_nothing(tmp_path: Path) -> None:
    async with downtimes(tmp_path, has_users=True) as site:
        one = await filed(site)
        url = f"{site.url}/downtimes/{one.id}/cancel"
        for headers, text in (
            ({"Origin": "http://evil.example"}, "a page of another site may not request this\n"),
            ({}, "This form is too old"),
        ):
            fields = {"revision": "1", "csrf": "1.x"}
            answer = await ask(url, "POST", headers=basic("alice") | headers, data=fields)
            assert (answer.status, text in answer.text) == (403, True)
        assert (await site.store.get(one.id)).cancelled_at is None


async def test_buttons_extend_end_and_cancel_and_lead_back(site: Site) -> None:
    one = await filed(site)
    path = f"/downtimes/{one.id}"
    page = await site.page(path)
    answer = await site.send(page, "Extend", by="4h")
    assert (answer.status, answer.location) == (303, path)
    assert (await site.store.get(one.id)).end == NOW + 5 * HOUR
    site.now += 60
    await site.send(await site.page(path), "End now")
    ended = await site.page(path)
    assert "✓ ended planned outage" in ended.text
    assert ended.all("button") == []
    other = await filed(site)
    await site.send(await site.page(f"/downtimes/{other.id}"), "Cancel this downtime")
    assert (await site.store.get(other.id)).cancelled_at == NOW + 60
    assert site.wakes == 3
    assert [entry.text.split(",")[0] for entry in ended.one("ol").all("p")] == [
        "changed by loopback", "changed by loopback", "filed by alice",
    ]  # fmt: skip


async def test_a_long_history_has_pages(site: Site) -> None:
    one = await site.json("POST", "/downtimes", DRAFT)
    for number in range(120):
        await site.json("PUT", f"/downtimes/{one['id']}", DRAFT | {"text": f"text {number}"})
    path = f"/downtimes/{one['id']}"
    newest = await site.page(path)
    pages = newest.one("nav", aria_label="Pages of the history")
    assert "Changes 22 to 121 of 121" in pages.text
    assert [link.attributes["href"] for link in pages.all("a")] == [f"{path}?history_before=22"]
    older = await site.page(f"{path}?history_before=22")
    pages = older.one("nav", aria_label="Pages of the history")
    assert "Changes 1 to 21 of 121" in pages.text
    assert [link.attributes["href"] for link in pages.all("a")] == [path]
    assert len(older.one("ol").all("li")) == 21


async def test_an_override_is_marked_and_its_button_leads_back(site: Site) -> None:
    now = [NOW + 0.5]
    clock = Clock(now=lambda: now[0])
    am = FakeAlertmanager(clock=clock)
    reconciler = Reconciler(am, site.store, site.store.records, clock=clock)
    one, other = await filed(site, title="one"), await filed(site, title="other")
    path, mark = f"/downtimes/{one.id}", "its alarms ring: a silence was expired by hand"
    await reconciler.reconcile()
    assert mark not in (await site.page("/")).text
    assert "Silence again" not in [button.text for button in (await site.page(path)).all("button")]
    am.end(next(silence.id for silence in am.live() if one.id in silence.comment))
    now[0] += 1
    await reconciler.reconcile()
    overview = await site.page("/")
    assert overview.all("a", href=f"{path}#silences")[0].text == f"✗ {mark}"
    assert overview.all("a", href=f"/downtimes/{other.id}#silences") == []
    assert len(am.live()) == 1
    answer = await site.send(await site.page(path), "Silence again")
    assert (answer.status, answer.location) == (303, path)
    assert mark not in (await site.page("/")).text
    await reconciler.reconcile()
    assert len(am.live()) == 2
    entries = (await site.page(path)).one("ol").all("p")
    assert [entry.text.split(",")[0] for entry in entries] == [
        "overridden by alertmanager am", "silenced by loopback", "filed by alice",
    ]  # fmt: skip


async def test_what_is_over_meanwhile_is_not_silenced_again(site: Site) -> None:
    one = await filed(site)
    record = SilenceRecord(
        alertmanager="am", downtime_id=one.id, matchers='{host="n1"}', standing=Standing.OVERRIDDEN,
        starts_at=NOW, ends_at=NOW + HOUR, revision=1, changed_at=NOW,
    )  # fmt: skip
    await site.store.records.store_silence_records([record])
    page = await site.page(f"/downtimes/{one.id}")
    site.now += HOUR
    answer = await site.send(page, "Silence again")
    assert (answer.status, "is over, or silences nothing" in answer.text) == (409, True)


async def test_button_of_an_old_page_changes_nothing_and_shows_what_was_done(site: Site) -> None:
    one = await filed(site)
    page = await site.page(f"/downtimes/{one.id}")
    await site.store.extend(one.id, NOW + 9 * HOUR, who="bob", now=NOW)
    answer = await site.send(page, "Cancel this downtime")
    assert answer.status == 409
    assert "somebody else has changed it meanwhile, see its history" in answer.text
    assert "by bob" in answer.text
    assert (await site.store.get(one.id)).cancelled_at is None
    assert site.wakes == 0


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"by": "2h"}, "Nothing is changed: by: &#39;2h&#39;; allowed: 30m, 1h, 4h, 1d"),
        ({"by": "1h", "revision": "x"}, "revision: &#39;x&#39;; allowed: that of the page"),
        ({"by": "1d"}, "Nothing is changed: end: "),
    ],
)
async def test_button_that_cannot_be_obeyed_says_why(site: Site, typed: dict[str, str], words: str) -> None:
    one = await filed(site, end=NOW + 365 * DAY_S)
    answer = await site.send(await site.page(f"/downtimes/{one.id}"), "Extend", **typed)
    assert answer.status == 409
    assert words in answer.text


async def test_what_a_source_filed_an_editor_cannot_close_and_nobody_can_change(tmp_path: Path) -> None:
    async with downtimes(tmp_path, has_users=True) as site:
        own = await filed(site)
        await site.store.upsert_external("gocdb:egi", {"1": wanted()}, now=NOW)
        (one,) = await site.store.newest("gocdb:egi", NOW)
        assert not (await site.page(f"/downtimes/{one.id}", user="alice")).all("form")
        page = await site.page(f"/downtimes/{own.id}", user="alice")
        for form in page.all("form"):
            form.attributes["action"] = form.attributes["action"].replace(own.id, one.id)
        answer = await site.send(page, "Cancel this downtime", user="alice")
        assert (answer.status, refusal(answer.text)) == (403, "filed by gocdb:egi; allowed: the role admin")
        words = "filed by gocdb:egi; change it there; allowed: end, cancel"
        answer = await site.send(page, "Extend", user="alice", by="1h")
        assert (answer.status, f"Nothing is changed: {words}" in answer.text) == (409, True)
        change = f"/downtimes/{one.id}/change"
        assert words in (await site.page(change, user="alice", status=409)).text
        (form,) = (await site.page(f"/downtimes/{own.id}/change", user="alice")).all("form")
        answer = await ask(
            site.url + change, "POST", headers=basic("alice"), data=filled_in(form) | {"do": "store"}
        )
        assert (answer.status, words in answer.text) == (409, True)
        assert (await site.store.get(one.id)).revision == 1
    async with downtimes(tmp_path) as site:
        page = await site.page(f"/downtimes/{one.id}")
        assert not page.all("a", href=f"/downtimes/{one.id}/change")
        assert (await site.page(f"/downtimes/{own.id}")).all("a", href=f"/downtimes/{own.id}/change")
        await site.send(page, "End now")
        assert (await site.store.get(one.id)).cancelled_at == NOW


async def test_an_unknown_id_is_404_and_a_store_that_cannot_be_read_503(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("/downtimes/nope", "/downtimes/nope/change"):
        answer = await ask(site.url + path)
        assert (answer.status, refusal(answer.text)) == (404, "no downtime nope")

    async def broken(*_: Any, **__: Any) -> None:
        raise StoreError("file", "no space left")

    monkeypatch.setattr(type(site.store), "counts", broken)
    answer = await ask(f"{site.url}/")
    assert (answer.status, refusal(answer.text)) == (503, "database file: no space left")
    assert answer.headers["Retry-After"] == "10"


async def test_the_page_of_a_downtime_says_why_its_silence_is_refused(tmp_path: Path) -> None:
    reports: list[Report] = []
    async with downtimes(tmp_path, silences=lambda: reports) as site:
        refused, other = await filed(site), await filed(site)
        reports.append(Report(alertmanager="main", refused={refused.id: "400 bad matchers"}))
        for one, said in ((refused, "main is not in step: 400 bad matchers"), (other, "silenced by main")):
            record = SilenceRecord(
                alertmanager="main", downtime_id=one.id, matchers='{host="n1"}', standing=Standing.WRITING,
                starts_at=one.start, ends_at=one.end, revision=1, changed_at=NOW,
            )  # fmt: skip
            await site.store.records.store_silence_records([record])
            assert f"Now: {said}." in (await site.page(f"/downtimes/{one.id}")).text
        await site.store.cancel(other.id, who="alice", now=NOW)
        assert "Now:" not in (await site.page(f"/downtimes/{other.id}")).text


async def test_front_page_is_no_tick_while_a_silence_that_was_taken_over_mutes(tmp_path: Path) -> None:
    left = SilenceRecord(
        alertmanager="main", downtime_id="d", matchers='{host="n1"}', standing=Standing.TAKEN_OVER,
        starts_at=NOW, ends_at=NOW + HOUR, revision=1, changed_at=NOW, owner="eve",
    )  # fmt: skip
    report = Report(alertmanager="main", taken_over=1, left=[left], is_in_step=True, last_success=NOW)
    async with downtimes(tmp_path, silences=lambda: [report]) as site:
        headline = (await site.page("/")).one("section", aria_label="Summary").all("p")[0].text
        words = "Nothing is down on purpose; 1 silence that a person took over still mutes alerts"
        assert headline == f"✗ {words}"
