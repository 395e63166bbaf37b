"""The API of downtimes, with a real store."""

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from yarl import URL

from stratoscope.downtime.database.errors import StoreError
from stratoscope.downtime.database.records import Records
from stratoscope.downtime.model import DAY_S
from stratoscope.downtime.silences.record import SilenceRecord, Standing
from stratoscope.downtime.silences.report import Report
from stratoscope.downtime.times import echo
from support.asking import ask, basic
from support.downtime_site import DRAFT, Site, downtimes
from support.stores import HOUR, NOW, wanted


async def filed(site: Site, **fields: Any) -> Any:
    return await site.json("POST", "/downtimes", DRAFT | fields)


async def test_a_history_is_shown_by_the_newest_entries_with_short_values(site: Site) -> None:
    one = await site.json("POST", "/downtimes", DRAFT)
    sets = [["cloud=uni", f"host=n{number}" + "x" * 190] for number in range(9)]
    for number in range(104):
        await site.json("PUT", f"/downtimes/{one['id']}", DRAFT | {"text": f"{number}" + "a" * 3900})
    await site.json("PUT", f"/downtimes/{one['id']}", DRAFT | {"matcher_sets": sets})
    answer = await site.ask("GET", f"/downtimes/{one['id']}")
    shown = msgspec.json.decode(answer.text)
    assert (len(shown["history"]), shown["history_count"], shown["history_next"]) == (100, 106, 7)
    assert len(answer.text) < 100_000
    text = shown["history"][-2]["fields"]["text"][1]
    assert (len(text), text[:4], text[-1]) == (300, "103a", "…")
    assert shown["history"][-1]["fields"]["matcher_sets"][1] == [
        ['cloud="uni"', f'host="n0{"x" * 190}"'], ["… 8 more"],
    ]  # fmt: skip
    earlier = await site.json("GET", f"/downtimes/{one['id']}?history_before=7")
    assert [entry["revision"] for entry in earlier["history"]] == [*range(1, 7)]
    assert earlier["history_next"] is None
    wrong = await site.ask("GET", f"/downtimes/{one['id']}?history_before=1")
    assert wrong.text == "history_before: '1'; allowed: 2 or more, `history_next` of the last answer\n"


async def test_what_is_filed_is_found_and_shown_with_its_history(site: Site) -> None:
    answer = await site.ask("POST", "/downtimes", DRAFT)
    assert answer.status == 201
    assert answer.headers["ETag"] == '"1"'
    shown = await site.json("GET", answer.location.removeprefix("/api/v1"))
    assert (shown["title"], shown["state"], shown["author"]) == ("new switch", "active", "loopback")
    assert shown["matcher_sets"] == [['cloud="uni"', 'host="n1"']]
    assert [(one["who"], one["action"]) for one in shown["history"]] == [("loopback", "filed")]
    found = await site.json("GET", "/downtimes?state=active&cloud=uni")
    assert [one["id"] for one in found["downtimes"]] == [shown["id"]]
    assert site.wakes == 1


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["later", "team", "now", "ended", "full"]),
        ("state=active", ["team", "now"]),
        ("state=upcoming&state=ended", ["later", "ended", "full"]),
        ("host=n1", ["later", "now", "ended"]),
        ("search=LAT", ["later"]),
        ("search=LOOPBACK&team=a", ["team"]),
        ("search=team%3Da", ["team"]),
        ('search=TEAM%3D"a"', ["team"]),
        ("search=cloud%3Duni+host%3Dn1&state=active", ["now"]),
        ("team=a", ["team"]),
        ("team=b", []),
        ("alertname=Full", ["full"]),
        ("severity=critical&job=node&instance=n1", ["full"]),
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
    full = [["alertname=Full", "severity=~critical|warning", "job=node", "instance!=n2"]]
    await filed(site, title="full", start=NOW - 9 * HOUR, end=NOW - 8 * HOUR, matcher_sets=full)
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
        ("hots=n1", "hots: unknown parameter; allowed: after, alertname, cloud, from, "),
        ("state=gone", "state: 'gone'; allowed: upcoming, active, ended, cancelled"),
        ("limit=0", "limit: '0'; allowed: 1 to 1000"),
        ("limit=1001", "limit: '1001'"),
        ("limit=x", "limit: 'x'"),
        ("after=x", "after: 'x'; allowed: `next` of the page before"),
        ("from=x", "from: 'x'; allowed: Unix seconds"),
        ("source=a%00b", r"source: 'a\x00b'; allowed: characters that can be printed"),
        (f"search={'x' * 201}", "search: 201 characters; allowed: 200"),
        ("host=n1&host=n2", "host: stands there twice; allowed: one value of each label"),
    ],
)
async def test_a_wrong_parameter_is_named(site: Site, query: str, text: str) -> None:
    answer = await site.ask("GET", f"/downtimes?{query}")
    assert (answer.status, answer.text[: len(text)]) == (400, text)


async def test_a_wrong_parameter_is_told_how_labels_are_allowed(site: Site) -> None:
    said = (await site.ask("GET", "/downtimes?rack=r1")).text
    assert said.endswith("; of labels others once the key downtime.labels of the configuration names them\n")
    assert "downtime.labels" not in (await site.ask("GET", "/downtimes/a?rack=r1")).text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"title": 5}, "title: expected a text, got a whole number"),
        ({"end": NOW - 2 * HOUR}, "end: "),
        ({"end": NOW + 400 * DAY_S}, "end: 400.0 days after start; allowed: 365 days at most"),
        ({"matcher_sets": [["host=~.+"]]}, 'matcher_sets[0]: {host=~".+"} matches every alert'),
        ({"matcher_sets": [["hots=n1"]]}, "matcher_sets[0][0]: unknown label hots; allowed: host?"),
        ({"matcher_sets": [["alertname=~[A-Z].*"]]}, 'matcher_sets[0]: {alertname=~"[A-Z].*"} matches every'),
        (
            {"matcher_sets": [['host="\\ud800"']]},
            "matcher_sets[0][0]: '\\ud800' is no value; allowed: characters that can be printed",
        ),
        ({"matcher_sets": [["host=n1", 'zone="\0"']]}, "matcher_sets[0][1]: '\\x00' is no value; allowed: "),
        ({"matcher_sets": [["host=~n("]]}, "matcher_sets[0][0]: 'n(' is no pattern"),
        ({"severity": "warning"}, "severity: unknown: warning; allowed: outage, degraded, at_risk"),
        ({"severity": 1}, "severity: expected a text, got a whole number"),
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
    odd = await site.ask("POST", "/downtimes", DRAFT, Idempotency_Key="k\u200b")
    assert (odd.status, odd.text[:16]) == (400, "Idempotency-Key:")


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


async def test_a_downtime_is_silenced_again_as_another_revision(site: Site) -> None:
    one = await filed(site)
    del one["silencing"]
    path = f"/downtimes/{one['id']}"
    again = await site.ask("POST", f"{path}/silence", If_Match='"1"')
    assert (again.status, again.headers["ETag"], site.wakes) == (200, '"2"', 2)
    late = await site.ask("POST", f"{path}/silence", If_Match='"1"')
    assert late.status == 412
    shown = await site.json("GET", path)
    assert {name for name in one if one[name] != shown[name]} == {"revision"}
    assert [(entry["action"], entry["fields"]) for entry in shown["history"]][1:] == [("silenced", {})]


@pytest.mark.parametrize("what", ["silences nothing", "cancelled", "ended"])
async def test_what_wants_no_silence_is_not_silenced_again(site: Site, what: str) -> None:
    one = await filed(site, silences=what != "silences nothing")
    path = f"/downtimes/{one['id']}"
    if what == "cancelled":
        await site.ask("POST", f"{path}/cancel")
    site.now += 2 * HOUR if what == "ended" else 0
    answer = await site.ask("POST", f"{path}/silence")
    said = "is over, or silences nothing; allowed: one that is active or upcoming, and silences"
    assert (answer.status, answer.text) == (409, f"downtime {one['id']} {said}\n")


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
    for method, path in (("GET", ""), ("POST", "/end"), ("POST", "/cancel"), ("POST", "/silence")):
        answer = await site.ask(method, f"/downtimes/nope{path}")
        assert (answer.status, answer.text) == (404, "no downtime nope\n")


@pytest.mark.parametrize("bad", ["%00", "a%00b", "%1b", "%E2%80%AE"])
async def test_an_id_that_cannot_be_printed_is_400(site: Site, bad: str) -> None:
    for method, path in (("GET", ""), ("POST", "/end"), ("PUT", "")):
        for kind in ("downtimes", "windows"):
            if kind == "windows" and method != "GET":
                continue
            url = f"{site.url}/api/v1/{kind}/{bad}{path}"
            answer = await ask(URL(url, encoded=True), method, json=DRAFT)
            assert (answer.status, answer.text.endswith("; allowed: characters that can be printed\n")) == (
                400,
                True,
            )
            assert answer.text.startswith("id: ")


async def test_where_the_database_is_only_who_has_a_role_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise StoreError("postgresql://u@db.internal/d", "cannot be reached")

    async with downtimes(tmp_path, has_users=True) as site:
        for name in ("counts", "find", "live"):
            monkeypatch.setattr(type(site.store), name, broken)
        for path in ("/", "/api/v1/counts", "/feeds/t0ken/downtimes.ics"):
            answer = await ask(site.url + path)
            assert (answer.status, "db.internal" in answer.text) == (503, False)
            assert "the database cannot be used; who has a role is told why\n" in answer.text
        told = await ask(f"{site.url}/api/v1/counts", headers=basic("bob"))
        assert told.text == "database postgresql://u@db.internal/d: cannot be reached\n"


async def test_a_store_that_cannot_be_used_is_503_with_its_words(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise StoreError("file", "no space left")

    monkeypatch.setattr(type(site.store), "find", broken)
    answer = await site.ask("GET", "/downtimes")
    assert (answer.status, answer.text) == (503, "database file: no space left\n")


async def test_what_is_filed_is_no_refusal_though_its_silences_cannot_be_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise StoreError("file", "cannot be reached")

    monkeypatch.setattr(Records, "of_downtime", broken)
    one = await filed(site)
    assert one["silencing"] == "whether it silences is not known: database file: cannot be reached"


async def test_active_says_whether_and_until_when(site: Site) -> None:
    assert await site.json("GET", "/active?cloud=uni&host=n1") == {
        "active": False, "until": None, "reason": "", "ids": [],
    }  # fmt: skip
    one = await filed(site)
    await filed(site, title="later", start=NOW + 60)
    found = await site.json("GET", "/active?cloud=uni&host=n1")
    assert found == {"active": True, "until": NOW + HOUR, "reason": "new switch", "ids": [one["id"]]}
    longer = await filed(site, title="rack", start=NOW - 60, end=NOW + 3 * HOUR)
    found = await site.json("GET", "/active?cloud=uni&host=n1")
    assert (found["until"], found["ids"]) == (NOW + 3 * HOUR, [one["id"], longer["id"]])
    assert not (await site.json("GET", "/active?cloud=uni"))["active"]
    assert not (await site.json("GET", "/active?cloud=uni&host=n2"))["active"]
    for labels, query in ((["alertname=Full", "job=a"], "alertname=Full&job=a"), (["team=a"], "team=a")):
        one = await filed(site, matcher_sets=[labels])
        assert (await site.json("GET", f"/active?{query}"))["ids"] == [one["id"]]
    none = await site.ask("GET", "/active")
    said = "cloud: no label is named; allowed: such as ?cloud=uni&host=n1\n"
    assert (none.status, none.text) == (400, said)
    wrong = await site.ask("GET", "/active?hots=n1")
    assert (wrong.status, wrong.text[:23]) == (400, "hots: unknown parameter")
    twice = await site.ask("GET", "/active?team=a&team=b")
    assert (twice.status, twice.text[:24]) == (400, "team: stands there twice")


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
            ("POST", f"/downtimes/{one.id}/silence", None, (401, 403, 200)),
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
        for how in ("cancel", "end"):
            answer = await site.ask("POST", f"/downtimes/{one.id}/{how}", user="alice")
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
        said = "it is cancelled: its silences may mute on; away is not in step: refused"
        assert cancelled["silencing"] == said
        reports.clear()
        off = await site.json("PUT", "/hosts-off/uni/n1", {"reason": "power"})
        assert off["silencing"] == "no Alertmanager is configured: it silences nothing"
        assert "silencing" not in await site.json("GET", f"/downtimes/{one['id']}")


@pytest.mark.parametrize("how", ["end", "cancel"])
async def test_what_a_person_took_over_is_said_when_its_downtime_is_over(tmp_path: Path, how: str) -> None:
    async with downtimes(tmp_path, silences=lambda: [Report(alertmanager="main")]) as site:
        one = await site.json("POST", "/downtimes", DRAFT)
        off = await site.json("PUT", "/hosts-off/uni/n1")
        record = SilenceRecord(
            alertmanager="main", downtime_id=one["id"], matchers='{host="n1"}', silence_id="s1", owner="bob",
            standing=Standing.TAKEN_OVER, starts_at=NOW, ends_at=NOW + HOUR, revision=1, changed_at=NOW,
        )  # fmt: skip
        await site.store.records.store_silence_records([record, replace(record, downtime_id=off["id"])])
        done = await site.json("POST", f"/downtimes/{one['id']}/{how}")
        back = await site.json("DELETE", "/hosts-off/uni/n1")
        said = f"silence s1 mutes on in main until {echo(NOW + HOUR, dt.UTC)}, since bob took it over"
        for answer in (done, back):
            assert said in answer["silencing"]
            assert "it silences nothing" not in answer["silencing"]
        assert (await site.json("DELETE", "/hosts-off/uni/n1"))["silencing"] is None
