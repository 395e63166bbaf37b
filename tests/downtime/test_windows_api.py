"""The API of recurring windows, with a real store."""

from pathlib import Path
from typing import Any

import pytest

from stratoscope.downtime.database.errors import StoreError
from stratoscope.downtime.database.windows import Windows
from stratoscope.downtime.model import DAY_S
from stratoscope.downtime.silences.report import Report
from support.downtime_site import Site, downtimes
from support.stores import HOUR, NOW

# NOW is a Friday, 2027-01-15 08:00 UTC.
DRAFT: dict[str, Any] = {
    "title": "backup", "matcher_sets": [["cloud=uni", "host=n1"]], "rrule": "FREQ=WEEKLY;BYDAY=FR,TU",
    "zone": "Europe/Berlin", "first": "2027-01-15T08:30:00", "duration_s": 2 * HOUR,
}  # fmt: skip


async def occurrences(site: Site) -> list[tuple[int, str]]:
    """Start and state of all downtimes, in order."""
    found = await site.json("GET", "/downtimes?limit=1000")
    return sorted((one["start"], one["state"]) for one in found["downtimes"])


async def test_a_window_is_filed_shown_and_has_its_occurrences_at_once(site: Site) -> None:
    answer = await site.ask("POST", "/windows", DRAFT)
    assert answer.status == 201
    shown = await site.json("GET", answer.location.removeprefix("/api/v1"))
    begun = NOW - HOUR // 2
    starts = [begun, begun + 4 * DAY_S, begun + 7 * DAY_S]
    assert shown["next"] == [{"start": one, "end": one + 2 * HOUR} for one in starts]
    assert {name: shown[name] for name in ("title", "planned", "severity", "silences", "author")} == {
        "title": "backup", "planned": True, "severity": "outage", "silences": True, "author": "loopback",
    }  # fmt: skip
    assert shown["matcher_sets"] == [['cloud="uni"', 'host="n1"']]
    assert {name: shown[name] for name in ("rrule", "zone", "first", "duration_s")} == {
        name: DRAFT[name] for name in ("rrule", "zone", "first", "duration_s")
    }
    assert [one["id"] for one in (await site.json("GET", "/windows"))["windows"]] == [shown["id"]]
    assert [state for _, state in await occurrences(site)] == ["active", *["upcoming"] * 4]
    assert site.wakes == 1


async def test_a_request_that_comes_again_files_no_other_window(site: Site) -> None:
    first = await site.json("POST", "/windows", DRAFT, Idempotency_Key="k")
    again = await site.json("POST", "/windows", DRAFT, Idempotency_Key="k")
    assert (again["id"], len(await occurrences(site))) == (first["id"], 5)
    other = await site.ask("POST", "/windows", DRAFT | {"title": "other"}, Idempotency_Key="k")
    assert (other.status, other.text.partition(";")[0]) == (
        409, "the idempotency key 'k' was used for another request"
    )  # fmt: skip
    assert (await site.json("POST", "/windows", DRAFT, Idempotency_Key="l"))["id"] != first["id"]
    assert (await site.json("POST", "/windows", DRAFT))["id"] != first["id"]


async def test_a_window_says_whether_it_silences_now(tmp_path: Path) -> None:
    async with downtimes(tmp_path, silences=lambda: [Report(alertmanager="main")]) as site:
        lasting = await site.json("POST", "/windows", DRAFT)
        assert lasting["silencing"] == "silenced by main"
        to_come = await site.json("POST", "/windows", DRAFT | {"first": "2027-01-15T10:00:00"})
        assert to_come["silencing"] == "to be silenced by main"
        begins = await site.json("POST", "/windows", DRAFT | {"first": "2027-01-15T09:00:00"})
        assert begins["silencing"] == "silenced by main"
        quiet = await site.json("POST", "/windows", DRAFT | {"silences": False})
        assert quiet["silencing"] == "it was filed so: it silences nothing"

        async def cancelled(**body: bool) -> object:
            return (await site.json("POST", f"/windows/{lasting['id']}/cancel", body))["silencing"]

        assert await cancelled() == "silenced by main"
        assert await cancelled(end_running=True) == "it is cancelled: it silences nothing"
        once = DRAFT | {"rrule": "FREQ=DAILY;COUNT=1"}
        over = await site.json("POST", "/windows", once)
        site.now = NOW + DAY_S
        shown = await site.json("GET", f"/windows/{over['id']}")
        assert (shown["next"], shown["silencing"]) == ([], "it is over: it silences nothing")


@pytest.mark.parametrize(
    ("body", "active"), [(None, "active"), ({}, "active"), ({"end_running": True}, "ended")]
)
async def test_a_cancelled_window_takes_what_has_not_begun_and_the_rest_if_asked(
    site: Site, body: Any, active: str
) -> None:
    one = await site.json("POST", "/windows", DRAFT)
    gone = await site.json("POST", f"/windows/{one['id']}/cancel", body)
    assert (gone["cancelled_at"], gone["next"]) == (NOW, [])
    assert [state for _, state in await occurrences(site)] == [active, *["cancelled"] * 4]
    await site.json("POST", f"/windows/{one['id']}/cancel", {"end_running": True})
    assert [state for _, state in await occurrences(site)] == ["ended", *["cancelled"] * 4]


async def test_an_occurrence_that_begins_now_is_cancelled_with_its_window_if_asked(site: Site) -> None:
    one = await site.json("POST", "/windows", DRAFT | {"first": "2027-01-15T09:00:00"})
    await site.json("POST", f"/windows/{one['id']}/cancel")
    assert (await occurrences(site))[0] == (NOW, "active")
    await site.json("POST", f"/windows/{one['id']}/cancel", {"end_running": True})
    assert (await occurrences(site))[0] == (NOW, "cancelled")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rrule": "FREQ=WEEKLY;BYDAY=XX"}, "rrule: BYDAY=XX; allowed: MO, TU, WE, TH, FR, SA, SU"),
        ({"rrule": "FREQ=MINUTELY"}, "rrule: FREQ=MINUTELY; allowed: FREQ=HOURLY, DAILY, WEEKLY,"),
        ({"rrule": "FREQ=DAILY;INTERVAL=0"}, "rrule: INTERVAL=0; allowed: 1 to 1000"),
        ({"zone": "Europe/Berlni"}, "zone: unknown time zone 'Europe/Berlni'; allowed: Europe/Berlin"),
        ({"first": "soon"}, "first: "),
        ({"first": "2031-01-15T08:30:00"}, "first: 2031-01-15T08:30:00; allowed: from a year ago up to"),
        ({"duration_s": 0}, "duration_s: 0; allowed: 60 to"),
        ({"title": ""}, "title: "),
        ({"matcher_sets": [["hots=n1"]]}, "matcher_sets[0][0]: "),
        ({"start": NOW}, "start: unknown"),
    ],
)
async def test_a_draft_that_is_wrong_is_one_line_and_nothing_is_stored(
    site: Site, fields: dict[str, Any], said: str
) -> None:
    answer = await site.ask("POST", "/windows", DRAFT | fields)
    assert answer.status == 400
    assert answer.text.startswith(said)
    assert answer.text.count("\n") == 1
    assert (await site.json("GET", "/windows"))["windows"] == []


async def test_a_window_that_is_not_there_is_404(site: Site) -> None:
    for method, path in (("GET", "/windows/x"), ("POST", "/windows/x/cancel")):
        answer = await site.ask(method, path)
        assert (answer.status, answer.text) == (404, "no window x\n")


async def test_who_may_read_and_file_windows(tmp_path: Path) -> None:
    async with downtimes(tmp_path, has_users=True) as site:
        one = await site.json("POST", "/windows", DRAFT, user="alice")
        for method, path, body, statuses in (
            ("GET", "/windows", None, (401, 200, 200)),
            ("GET", f"/windows/{one['id']}", None, (401, 200, 200)),
            ("POST", "/windows", DRAFT, (401, 403, 201)),
            ("POST", f"/windows/{one['id']}/cancel", None, (401, 403, 200)),
        ):
            answers = [await site.ask(method, path, body, user=user) for user in ("", "bob", "alice")]
            assert tuple(one.status for one in answers) == statuses, path


async def test_a_window_is_no_downtime_and_is_said_to_be_one(site: Site) -> None:
    one = await site.json("POST", "/windows", DRAFT)
    said = "it is a window, whose occurrences are downtimes; allowed: one of these, or cancel it\n"
    for method, path in (("GET", ""), ("POST", "/end"), ("POST", "/cancel")):
        answer = await site.ask(method, f"/downtimes/{one['id']}{path}")
        assert (answer.status, answer.text) == (404, f"no downtime {one['id']}: {said}")


async def test_the_first_occurrence_obeys_the_rule(site: Site) -> None:
    answer = await site.ask("POST", "/windows", DRAFT | {"first": "2027-01-16T08:30:00"})
    said = "first: 2027-01-16T08:30:00 does not obey rrule; allowed: a start such as 2027-01-19T08:30:00\n"
    assert (answer.status, answer.text) == (400, said)


async def test_windows_are_read_page_by_page_and_none_twice(site: Site) -> None:
    ids = []
    for number in range(5):
        site.now = NOW + number // 3  # three in one second
        ids.append((await site.json("POST", "/windows", DRAFT | {"first": "2027-01-19T08:30:00"}))["id"])
    seen, query = [], "?limit=2"
    for count in (2, 2, 1):
        page = await site.json("GET", f"/windows{query}")
        assert len(page["windows"]) == count
        seen += [one["id"] for one in page["windows"]]
        query = f"?limit=2&after={page['next']}"
    assert page["next"] is None
    assert (sorted(seen[:3]), sorted(seen[3:])) == (sorted(ids[:3]), sorted(ids[3:]))
    assert (await site.json("GET", "/windows?limit=5"))["next"] is None
    for query, said in {
        "limit=0": "limit: '0'; allowed: 1 to",
        "after=x": "after: 'x'; ",
        "x=1": "x: unk",
    }.items():
        answer = await site.ask("GET", f"/windows?{query}")
        assert (answer.status, answer.text.startswith(said)) == (400, True)


async def test_a_window_that_is_filed_is_no_refusal_though_its_occurrences_cannot_be_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise StoreError("file", "cannot be reached")

    monkeypatch.setattr(Windows, "running", broken)
    one = await site.json("POST", "/windows", DRAFT)
    assert one["silencing"] == "whether it silences is not known: database file: cannot be reached"
