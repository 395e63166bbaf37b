"""The API of downtimes, with a real store."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stratoscope.downtime.database.errors import StoreError
from stratoscope.downtime.model import DAY_S
from stratoscope.downtime.silences.report import Report
from support.downtime_site import DRAFT, Site, downtimes
from support.stores import HOUR, NOW, wanted


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with downtimes(tmp_path) as found:
        yield found


async def filed(site: Site, **fields: Any) -> Any:
    return await site.json("POST", "/downtimes", DRAFT | fields)


async def test_what_is_filed_is_found_and_shown_with_its_history(site: Site) -> None:
    answer = await site.ask("POST", "/downtimes", DRAFT)
    assert answer.status == 201
    assert answer.headers["ETag"] == '"1"'
    shown = await site.json("GET", answer.headers["Location"].removeprefix("/api/v1"))
    assert (shown["title"], shown["state"], shown["author"]) == ("new switch", "active", "loopback")
    assert shown["matcher_sets"] == [['cloud="uni"', 'host="n1"']]
    assert [(one["who"], one["action"]) for one in shown["history"]] == [("loopback", "filed")]
    found = await site.json("GET", "/downtimes?state=active&cloud=uni")
    assert [one["id"] for one in found["downtimes"]] == [shown["id"]]
    assert site.wakes == 1


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["later", "team", "now", "ended"]),
        ("state=active", ["team", "now"]),
        ("state=upcoming&state=ended", ["later", "ended"]),
        ("host=n1", ["later", "now", "ended"]),
        ("search=LAT", ["later"]),
        ("source=person&limit=1", ["later"]),
        ("source=gocdb:egi", []),
        (f"from={NOW}&to={NOW + 60}", ["team", "now"]),
    ],
)
async def test_downtimes_are_found_by_what_they_say(site: Site, query: str, titles: list[str]) -> None:
    await filed(site, title="now")
    await filed(site, title="ended", start=NOW - 3 * HOUR, end=NOW - 2 * HOUR)
    await filed(site, title="later", start=NOW + HOUR, end=NOW + 2 * HOUR)
    await filed(site, title="team", start=NOW - 60, matcher_sets=[["team=a"]])
    found = await site.json("GET", f"/downtimes?{query}")
    assert [one["title"] for one in found["downtimes"]] == titles


async def test_pages_follow_each_other(site: Site) -> None:
    ids = [(await filed(site, title=str(number)))["id"] for number in range(5)]
    seen: list[str] = []
    after = ""
    while True:
        page = await site.json("GET", f"/downtimes?limit=2{after}")
        seen += [one["id"] for one in page["downtimes"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert sorted(seen) == sorted(ids)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("hots=n1", "hots: unknown parameter; allowed: after, cloud, from, host, limit,"),
        ("state=gone", "state: 'gone'; allowed: upcoming, active, ended, cancelled"),
        ("limit=0", "limit: '0'; allowed: 1 to 1000"),
        ("limit=1001", "limit: '1001'"),
        ("limit=x", "limit: 'x'"),
        ("after=x", "after: 'x'; allowed: `next` of the page before"),
        ("from=x", "from: 'x'; allowed: Unix seconds"),
        ("source=a%00b", r"source: 'a\x00b'; allowed: characters that can be printed"),
        (f"search={'x' * 201}", "search: 201 characters; allowed: 200"),
    ],
)
async def test_a_wrong_parameter_is_named(site: Site, query: str, text: str) -> None:
    answer = await site.ask("GET", f"/downtimes?{query}")
    assert (answer.status, answer.text[: len(text)]) == (400, text)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"title": 5}, "title: expected a text, got a whole number"),
        ({"end": NOW - 2 * HOUR}, "end: "),
        ({"end": NOW + 400 * DAY_S}, "end: 400.0 days after start; allowed: 365 days at most"),
        ({"matcher_sets": [["host=~.+"]]}, 'matcher_sets[0]: {host=~".+"} matches every alert'),
        ({"matcher_sets": [["hots=n1"]]}, "matcher_sets[0][0]: unknown label hots; allowed: host?"),
        ({"matcher_sets": [["host=~n("]]}, "matcher_sets[0][0]: 'n(' is no pattern"),
        ({"owner": "me"}, "owner: unknown key; allowed: title, text, planned,"),
        ({"text": "x" * 4001}, "text: 4001 characters; allowed: 4000"),
        ({"text": "x" * 900_000}, "text: 900000 characters; allowed: 4000"),
    ],
)
async def test_a_field_that_cannot_be_stored_is_named_and_nothing_is_stored(
    site: Site, fields: dict[str, Any], text: str
) -> None:
    answer = await site.ask("POST", "/downtimes", DRAFT | fields)
    assert answer.status == 400
    assert answer.text.startswith(text)
    assert (await site.json("GET", "/downtimes"))["downtimes"] == []
    assert site.wakes == 0


async def test_a_request_that_comes_again_files_no_other(site: Site) -> None:
    first = await site.json("POST", "/downtimes", DRAFT, Idempotency_Key="k")
    again = await site.json("POST", "/downtimes", DRAFT, Idempotency_Key="k")
    assert first["id"] == again["id"]
    other = await site.ask("POST", "/downtimes", DRAFT | {"title": "other"}, Idempotency_Key="k")
    assert (other.status, other.text[:20]) == (409, "the idempotency key ")
    long = await site.ask("POST", "/downtimes", DRAFT, Idempotency_Key="k" * 201)
    assert (long.status, long.text) == (
        400,
        "Idempotency-Key: 201 characters; allowed: 200 that can be printed\n",
    )


async def test_two_people_do_not_overwrite_each_other(site: Site) -> None:
    one = await filed(site)
    path = f"/downtimes/{one['id']}"
    changed = await site.ask("PUT", path, DRAFT | {"title": "newer"}, If_Match='"1"')
    assert (changed.status, changed.headers["ETag"]) == (200, '"2"')
    late = await site.ask("PUT", path, DRAFT | {"title": "older"}, If_Match='W/"1"')
    assert (late.status, late.text) == (
        412, f"downtime {one['id']} was changed: it has revision 2 now\n",
    )  # fmt: skip
    assert (await site.json("GET", path))["title"] == "newer"
    assert (await site.ask("PUT", path, DRAFT, If_Match="*")).status == 200
    wrong = await site.ask("PUT", path, DRAFT, If_Match='"x"')
    assert (wrong.status, wrong.text[:22]) == (400, "If-Match: no revision;")


async def test_a_downtime_is_extended_ended_and_cancelled(site: Site) -> None:
    one = await filed(site)
    path = f"/downtimes/{one['id']}"
    extended = await site.json("POST", f"{path}/extend", {"end": NOW + 5 * HOUR})
    assert (extended["end"], extended["until_further_notice"]) == (NOW + 5 * HOUR, False)
    further = await site.json("POST", f"{path}/extend", {"until_further_notice": True})
    assert (further["end"], further["until_further_notice"]) == (NOW + DAY_S, True)
    assert (await site.json("POST", f"{path}/end"))["state"] == "ended"
    assert (await site.json("POST", f"{path}/cancel"))["state"] == "cancelled"
    closed = await site.ask("POST", f"{path}/extend", {"end": NOW + HOUR})
    assert (closed.status, closed.text[:9]) == (409, "downtime ")
    assert site.wakes == 5


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "end: allowed: Unix seconds, or until_further_notice"),
        ({"end": 5, "until_further_notice": True}, "end: allowed: "),
        ({"end": NOW - 1}, f"end: {NOW - 1}; allowed: after start and now"),
    ],
)
async def test_an_end_that_cannot_be_is_named(site: Site, body: dict[str, Any], text: str) -> None:
    one = await filed(site)
    answer = await site.ask("POST", f"/downtimes/{one['id']}/extend", body)
    assert (answer.status, answer.text[: len(text)]) == (400, text)


async def test_an_unknown_id_is_404(site: Site) -> None:
    for method, path in (("GET", ""), ("POST", "/end"), ("POST", "/cancel")):
        answer = await site.ask(method, f"/downtimes/nope{path}")
        assert (answer.status, answer.text) == (404, "no downtime nope\n")


async def test_a_store_that_cannot_be_used_is_503_with_its_words(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise StoreError("file", "no space left")

    monkeypatch.setattr(type(site.store), "find", broken)
    answer = await site.ask("GET", "/downtimes")
    assert (answer.status, answer.text) == (503, "database file: no space left\n")


async def test_active_says_whether_and_until_when(site: Site) -> None:
    assert await site.json("GET", "/active?cloud=uni&host=n1") == {
        "active": False, "until": None, "reason": "", "ids": [],
    }  # fmt: skip
    one = await filed(site)
    await filed(site, title="later", start=NOW + 60)
    found = await site.json("GET", "/active?cloud=uni&host=n1")
    assert found == {"active": True, "until": NOW + HOUR, "reason": "new switch", "ids": [one["id"]]}
    assert not (await site.json("GET", "/active?cloud=uni"))["active"]
    assert not (await site.json("GET", "/active?cloud=uni&host=n2"))["active"]
    none = await site.ask("GET", "/active")
    said = "cloud: no label is named; allowed: such as ?cloud=uni&host=n1\n"
    assert (none.status, none.text) == (400, said)
    wrong = await site.ask("GET", "/active?hots=n1")
    assert (wrong.status, wrong.text[:23]) == (400, "hots: unknown parameter")


async def test_who_may_what(tmp_path: Path) -> None:
    async with downtimes(tmp_path, has_users=True) as site:
        one = await site.store.file(wanted(), who="alice", now=NOW)
        for method, path, body, statuses in (
            ("GET", "/counts", None, (200, 200, 200)),
            ("GET", "/downtimes", None, (401, 200, 200)),
            ("GET", f"/downtimes/{one.id}", None, (401, 200, 200)),
            ("GET", "/active?host=n1", None, (401, 200, 200)),
            ("POST", "/downtimes", DRAFT, (401, 403, 201)),
            ("PUT", f"/downtimes/{one.id}", DRAFT, (401, 403, 200)),
            ("POST", f"/downtimes/{one.id}/extend", {"end": NOW + 9 * HOUR}, (401, 403, 200)),
            ("POST", f"/downtimes/{one.id}/end", None, (401, 403, 200)),
            ("POST", f"/downtimes/{one.id}/cancel", None, (401, 403, 200)),
        ):
            answers = [await site.ask(method, path, body, user=user) for user in ("", "bob", "alice")]
            assert tuple(one.status for one in answers) == statuses, path
        assert (await site.json("GET", "/counts"))["cancelled"] == 1


async def test_what_a_source_filed_is_an_admins_to_end_and_the_sources_to_change(tmp_path: Path) -> None:
    async with downtimes(tmp_path, has_users=True) as site:
        await site.store.upsert_external("gocdb:egi", {"1": wanted()}, now=NOW)
        (one,) = await site.store.newest("gocdb:egi", NOW)
        answer = await site.ask("POST", f"/downtimes/{one.id}/cancel", user="alice")
        assert (answer.status, answer.text) == (403, "filed by gocdb:egi; allowed: the role admin\n")
    async with downtimes(tmp_path) as site:
        for method, path, body in (
            ("PUT", "", DRAFT), ("POST", "/extend", {"end": NOW + 9 * HOUR}),
            ("POST", "/extend", {"until_further_notice": True}),
        ):  # fmt: skip
            answer = await site.ask(method, f"/downtimes/{one.id}{path}", body)
            said = "filed by gocdb:egi; change it there; allowed: end, cancel\n"
            assert (answer.status, answer.text) == (409, said)
        assert (await site.json("POST", f"/downtimes/{one.id}/cancel"))["state"] == "cancelled"


async def test_what_is_filed_or_changed_says_whether_it_silences(tmp_path: Path) -> None:
    reports = [Report(alertmanager="main"), Report(alertmanager="away", trouble="refused")]
    async with downtimes(tmp_path, silences=lambda: reports) as site:
        one = await site.json("POST", "/downtimes", DRAFT)
        assert one["silencing"] == "silenced by main; away is not in step: refused"
        past = await site.json("POST", "/downtimes", DRAFT | {"start": NOW - 2 * HOUR, "end": NOW - HOUR})
        assert past["silencing"] == "it is over already: it silences nothing"
        cancelled = await site.json("POST", f"/downtimes/{one['id']}/cancel")
        assert cancelled["silencing"] == "it is cancelled: it silences nothing"
        reports.clear()
        off = await site.json("PUT", "/hosts-off/uni/n1", {"reason": "power"})
        assert off["silencing"] == "no Alertmanager is configured: it silences nothing"
        assert "silencing" not in await site.json("GET", f"/downtimes/{one['id']}")
