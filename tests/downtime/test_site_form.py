"""The form as it is served: what it files and changes, its preview, and what it says when that cannot be."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from stratoscope.downtime.database.errors import StoreError
from stratoscope.downtime.model import Downtime
from stratoscope.downtime.site import asking
from support.announcements import server
from support.asking import Answered, ask
from support.downtime_app import LittleAlertmanager, alertmanager
from support.downtime_site import Site, beside, downtimes, filled_in
from support.fake_downtimes import BAD
from support.html_page import Element, parsed, refusal
from support.stores import HOUR, NOW, wanted

NEW = "/downtimes/new"
TYPED = {"title": "new switch", "matcher_sets": "cloud=uni, host=n1"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with downtimes(tmp_path, zone=ZoneInfo("Europe/Berlin")) as found:
        yield found


async def sent(site: Site, button: str, path: str = NEW, **typed: str) -> Answered:
    return await site.send(await site.page(path), button, **(TYPED | typed))


def told(answer: Answered) -> str:
    """The preview."""
    return parsed(answer.text).one("section", role="status").text


async def all_of(site: Site) -> Any:
    return (await site.json("GET", "/downtimes"))["downtimes"]


async def test_form_files_a_downtime_and_leads_to_it(site: Site) -> None:
    answer = await sent(site, "File it", title=BAD, text="line\n\nother")
    (one,) = await all_of(site)
    assert (answer.status, answer.location) == (303, f"/downtimes/{one['id']}")
    assert (one["title"], one["text"], one["author"]) == (BAD, "line\n\nother", "loopback")
    assert one["matcher_sets"] == [['cloud="uni"', 'host="n1"']]
    assert (one["start"], one["end"]) == (NOW // HOUR * HOUR + HOUR, NOW // HOUR * HOUR + 2 * HOUR)
    page = await site.page(f"/downtimes/{one['id']}")
    assert page.one("h2", id="downtime").text == BAD
    assert site.wakes == 1


async def test_the_form_names_the_labels_of_matchers(site: Site) -> None:
    page = await site.page(NEW)
    labels = "alertname, cloud, host, instance, job, project_id, service, severity, team, vm_id, zone."
    assert f"Labels: {labels}" in page.one("p", id="matcher_sets-hint").text


async def test_a_link_fills_in_a_new_form(site: Site) -> None:
    link = f"{NEW}?title=%3Cb%3E&text=t&matcher=cloud%3D%22uni%22&matcher=host%3D%22n1%2C%22"
    form = filled_in((await site.page(link)).one("form", method="post"))
    assert (form["title"], form["text"]) == ("<b>", "t")
    assert form["matcher_sets"] == 'cloud="uni", host="n1,"'
    answer = await site.send(await site.page(link), "File it")
    assert answer.status == 303
    assert [one["matcher_sets"] for one in await all_of(site)] == [[['cloud="uni"', 'host="n1,"']]]
    refused = await ask(f"{site.url}{NEW}?host=n1")
    assert (refused.status, refusal(refused.text)) == (
        400, "host: unknown parameter; allowed: copy, matcher, text, title"
    )  # fmt: skip


async def test_one_that_is_over_is_copied_into_a_new_form(site: Site) -> None:
    fields = {
        "title": "again",
        "text": "x",
        "start": NOW - 9 * HOUR,
        "end": NOW - 6 * HOUR,
        "silences": False,
    }
    over = await site.store.file(wanted(**fields), who="bob", now=NOW - 9 * HOUR)
    page = await site.page(f"/downtimes/{over.id}")
    (link,) = (one.attributes["href"] for one in page.all("a") if one.text == "Copy")
    answer = await site.send(await site.page(link), "File it")
    new = await site.store.get(answer.location.rpartition("/")[2])
    full = NOW // HOUR * HOUR + HOUR
    assert (new.title, new.text, new.silences, new.start, new.end) == (
        "again", "x", False, full, full + 3 * HOUR
    )  # fmt: skip
    assert (new.author, new.matcher_sets, new.id != over.id) == ("loopback", over.matcher_sets, True)
    assert (await ask(f"{site.url}{NEW}?copy=nope")).status == 404


async def test_form_that_is_sent_twice_files_one_and_with_other_content_says_so(site: Site) -> None:
    page = await site.page(NEW)
    first, again = [await site.send(page, "File it", **TYPED) for _ in range(2)]
    assert first.location == again.location
    other = await site.send(page, "File it", **(TYPED | {"title": "other"}))
    assert other.status == 409
    assert "this form has filed a downtime already, of other content" in other.text
    last = await site.send(parsed(other.text), "File it")
    assert last.status == 303
    assert [one["title"] for one in await all_of(site)].count("other") == 1


async def test_hidden_fields_that_somebody_has_tampered_with_are_refused(site: Site) -> None:
    for key in ("k" * 201, "\0"):
        answer = await sent(site, "File it", key=key)
        assert (answer.status, "allowed: 200 that can be printed" in answer.text) == (400, True)
    one = await site.store.file(wanted(), who="alice", now=NOW)
    answer = await sent(site, "Store it", f"/downtimes/{one.id}/change", revision="x")
    assert (answer.status, "allowed: that of the page" in answer.text) == (400, True)
    csrf = (await site.page(NEW)).one("input", name="csrf").attributes["value"]
    answer = await ask(f"{site.url}/downtimes", "POST", data={"csrf": csrf, "do": "store"})
    assert (answer.status, answer.text.count('class="error"')) == (400, 5)
    assert len(await all_of(site)) == 1


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"title": ""}, "title", "is no title; allowed: one line of 1 to 200 characters"),
        ({"end": "2026-01-01T00:00"}, "end", "not after start; allowed: a later moment"),
        ({"zone": "Europe/Berlni"}, "zone", "unknown time zone 'Europe/Berlni'; allowed: Europe/Berlin"),
        ({"matcher_sets": "hots=n1"}, "matcher_sets", "set 1: unknown label hots; allowed: host?"),
        ({"matcher_sets": "host=~.+"}, "matcher_sets", 'set 1: {host=~".+"} matches every alert'),
        ({"text": "x" * 900_000}, "text", "900000 characters; allowed: 4000"),
    ],
)
async def test_mistake_stands_at_its_field_with_what_was_typed(
    site: Site, typed: dict[str, str], field: str, words: str
) -> None:
    answer = await sent(site, "File it", **typed)
    page = parsed(answer.text)
    assert answer.status == 400
    assert words in page.one("p", id=f"{field}-error").text
    shown = next(one for tag in ("input", "textarea") for one in page.all(tag, id=field))
    assert typed[field] in (shown.attributes.get("value", ""), "".join(map(str, shown.content))[1:])
    assert await all_of(site) == []


async def test_what_matches_everything_is_filed_once_it_is_confirmed(site: Site) -> None:
    refused = await sent(site, "File it", matcher_sets='host=~".+"')
    assert "A line may match every alert" in refused.text
    assert (await site.send(parsed(refused.text), "File it", confirm="yes")).status == 303


async def test_change_is_stored_with_its_revision(site: Site) -> None:
    one = await site.store.file(wanted(), who="alice", now=NOW)
    path = f"/downtimes/{one.id}"
    answer = await site.send(await site.page(f"{path}/change"), "Store it", title="newer")
    assert (answer.status, answer.location) == (303, path)
    found = await site.store.get(one.id)
    assert (found.title, found.revision, found.start, found.end) == ("newer", 2, one.start, one.end)


async def conflict(site: Site) -> tuple[Downtime, Answered]:
    """Alice and bob change the same downtime; bob is first."""
    one = await site.store.file(wanted(), who="alice", now=NOW)
    page = await site.page(f"/downtimes/{one.id}/change")
    await site.store.change(one.id, wanted(title="of bob"), who="bob", now=NOW)
    return one, await site.send(page, "Store it", title="of alice")


async def test_two_people_do_not_overwrite_each_other(site: Site) -> None:
    one, answer = await conflict(site)
    page = parsed(answer.text)
    assert answer.status == 409
    others = page.one("section", aria_labelledby="others").text
    assert "changed by bob" in others
    assert "titlebefore: new switch → after: of bob" in others
    assert "filed" not in others
    assert page.one("input", name="title").attributes["value"] == "of alice"
    assert (await site.store.get(one.id)).title == "of bob"
    assert (await site.send(page, "Store it")).status == 303
    assert (await site.store.get(one.id)).title == "of alice"


async def test_what_is_cancelled_is_not_changed(site: Site) -> None:
    one = await site.store.file(wanted(), who="alice", now=NOW)
    path = f"/downtimes/{one.id}/change"
    page = await site.page(path)
    await site.store.cancel(one.id, who="bob", now=NOW)
    assert (await site.send(page, "Store it", revision="2")).status == 409
    assert (
        f"downtime {one.id} is cancelled; allowed: file a new one" in (await site.page(path, status=409)).text
    )


async def test_form_comes_back_when_the_store_cannot_be_used(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise StoreError("file", "no space left")

    monkeypatch.setattr(type(site.store), "file", broken)
    answer = await sent(site, "File it", title="typed")
    assert answer.status == 503
    assert "database file: no space left" in parsed(answer.text).one("section", role="alert").text
    assert parsed(answer.text).one("input", name="title").attributes["value"] == "typed"


def hosts(am: LittleAlertmanager, *names: str) -> None:
    am.alerts = [{"alertname": "HostDown", "cloud": "uni", "host": name} for name in names]


async def test_preview_asks_each_alertmanager_and_counts_an_alert_once(tmp_path: Path) -> None:
    async with alertmanager() as first, alertmanager() as second:
        hosts(first, "n1", "n2", "n3")
        hosts(second, "n1", "n4")
        async with beside(tmp_path, first.url, second.url) as site:
            answer = await sent(site, "Preview its alerts", matcher_sets="host=n1\nhost=~n[24]")
            words = [f'HostDown cloud="uni", host="{name}"' for name in ("n1", "n2", "n4")]
            assert told(answer) == f"Preview 3 of 4 current alerts match. {' '.join(words)}"
            assert (answer.status, await all_of(site)) == (200, [])
            every = await sent(site, "Preview its alerts", matcher_sets="host=~n[1-4]", silences="no")
            assert "It silences nothing; these alerts are explained by it. 4 of 4" in told(every)
            assert "That is every current alert." in told(every)
            wrong = await sent(site, "Preview its alerts", matcher_sets="hots=n1")
            assert wrong.status == 400


async def test_preview_warns_of_a_set_for_everything_before_it_is_confirmed(tmp_path: Path) -> None:
    async with alertmanager() as am:
        hosts(am, *(f"n{number:02}" for number in range(60)))
        async with beside(tmp_path, am.url) as site:
            answer = await sent(site, "Preview its alerts", matcher_sets='host=~".+"')
            assert "It would silence every alert. Tick the box below if that is meant." in told(answer)
            assert "60 of 60 current alerts match; 50 are shown." in told(answer)
            page: Element = parsed(answer.text)
            assert (await site.send(page, "File it")).status == 400
            assert (await site.send(page, "File it", confirm="yes")).status == 303


async def test_what_silences_every_current_alert_is_filed_once_it_is_confirmed(tmp_path: Path) -> None:
    async with alertmanager() as am, beside(tmp_path, am.url) as site:
        hosts(am, "n1", "n2")
        shown = await sent(site, "Preview its alerts", matcher_sets="host=~n[12]")
        assert "That is every current alert. Tick the box below if that is meant." in told(shown)
        refused = await site.send(parsed(shown.text), "File it")
        why = parsed(refused.text).one("p", id="matcher_sets-error").text
        assert (refused.status, await all_of(site)) == (400, [])
        allowed = "sets that match some, or `confirm`, the box below"
        assert why == f"✗ matches all 2 current alerts; allowed: {allowed}"
        assert (await site.send(parsed(refused.text), "File it", confirm="yes")).status == 303
        assert (await sent(site, "File it", matcher_sets="host=~n[12]", silences="no")).status == 303
        hosts(am, "n1")
        assert (await sent(site, "File it", matcher_sets="host=n1")).status == 303


async def test_preview_says_which_alertmanager_is_away(tmp_path: Path) -> None:
    async with alertmanager() as am:
        away = am.url
    async with alertmanager() as am, beside(tmp_path, am.url, away) as site:
        hosts(am, "n1")
        words = told(await sent(site, "Preview its alerts"))
    assert "1 of 1 current alerts match." in words
    assert "✗ am-1 could not be asked, and its alerts are not counted: http://127.0.0.1:" in words


async def test_preview_does_not_wait_for_an_alertmanager_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        return await asyncio.get_running_loop().create_future()

    assert asking.PREVIEW_TIMEOUT_S == 5
    monkeypatch.setattr(asking, "PREVIEW_TIMEOUT_S", 0.1)
    async with server(hang) as url, beside(tmp_path, str(url)) as site:
        words = told(await sent(site, "Preview its alerts"))
    assert words == (
        "Preview ✗ am-0 could not be asked, and its alerts are not counted: no answer within 0.1 s"
    )


async def test_preview_without_an_alertmanager_says_so(site: Site) -> None:
    assert "No Alertmanager is configured" in told(await sent(site, "Preview its alerts"))


async def test_a_form_without_a_button_shows_its_preview(site: Site) -> None:
    (form,) = (await site.page(NEW)).all("form")
    fields = filled_in(form) | TYPED
    fields.pop("do", None)
    answer = await ask(site.url + form.attributes["action"], "POST", data=fields)
    assert (answer.status, await all_of(site)) == (200, [])
    assert told(answer)


async def test_what_is_over_already_says_so_before_and_after_it_is_filed(site: Site) -> None:
    fields = {"start": "2027-01-14T08:00", "end": "2027-01-14T09:00", "zone": "UTC"}
    assert "It is over already: it silences nothing." in told(
        await sent(site, "Preview its alerts", **fields)
    )
    filed = await sent(site, "File it", **fields)
    one = await site.page(filed.location)
    assert "None is written: it is over already: it silences nothing." in one.text
