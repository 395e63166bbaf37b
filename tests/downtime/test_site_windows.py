"""The page of recurring windows, with a real store."""

from pathlib import Path
from typing import Any

import pytest

from stratoscope.downtime.pages import windows
from support.asking import ask, basic
from support.downtime_site import Site, downtimes
from support.html_page import rows
from support.stores import HOUR, NOW

WEEKLY: dict[str, Any] = {
    "title": "backup <b>",
    "matcher_sets": [["cloud=uni", "host=n1"], ["cloud=uni", "host=n2"], ["cloud=far"]],
    "rrule": "FREQ=WEEKLY", "zone": "Europe/Berlin", "first": "2027-01-18T22:00:00", "duration_s": 2 * HOUR,
}  # fmt: skip
TABLE = "Recurring windows"


async def filed(site: Site, **fields: Any) -> Any:
    return await site.json("POST", "/windows", WEEKLY | fields, user="alice")


async def test_windows_are_listed_cancelled_and_reached_from_an_occurrence(tmp_path: Path) -> None:
    async with downtimes(tmp_path, has_users=True) as site:
        assert "There is none." in (await site.page("/windows", user="bob")).text
        one = await filed(site)
        await filed(site, title="Audit", rrule="FREQ=DAILY;COUNT=1")
        (occurrence, *_) = [
            each
            for each in (await site.json("GET", "/downtimes", user="bob"))["downtimes"]
            if each["window_id"] == one["id"]
        ]
        page = await site.page(f"/downtimes/{occurrence['id']}", user="bob")
        assert f"/windows?window={one['id']}#w-{one['id']}" in [
            link.attributes["href"] for link in page.all("a")
        ]

        page = await site.page("/windows", user="alice")
        found = rows(page, TABLE)
        assert [row["Title"] for row in found] == ["Audit", "backup <b>"]
        assert found[1]["What is down"] == "cloud far; host n1 of uni and 1 more"
        assert found[1]["Rule"] == "FREQ=WEEKLY for 2:00:00, in Europe/Berlin"
        assert found[1]["Next"] == "2027-01-18 21:00 +00:00"
        assert page.one("tr", id=f"w-{one['id']}").all("form")[0].attributes["action"].endswith("/cancel")
        button = page.one("tr", id=f"w-{one['id']}").one("form")
        token = button.one("input", name="csrf").attributes["value"]
        where = f"{site.url}{button.attributes['action']}"
        assert (await ask(where, "POST", headers=basic("bob"), data={"csrf": token})).status == 403
        site.wakes = 0
        answer = await ask(where, "POST", headers=basic("alice"), data={"csrf": token})
        assert (answer.status, answer.location, site.wakes) == (303, "/windows", 1)

        page = await site.page("/windows", user="bob")
        assert [(row["State"], row["Next"]) for row in rows(page, TABLE)][1] == ("⊘ cancelled", "")
        assert page.all("button") == []
        assert (await site.store.get(occurrence["id"])).cancelled_at == NOW


async def test_windows_stand_on_pages_and_a_link_leads_to_the_one_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "ON_A_PAGE", 2)
    async with downtimes(tmp_path, has_users=True) as site:
        ids = {}
        for number, title in enumerate("abcde"):
            ids[title] = (await filed(site, title=title))["id"]
            if title in "ab":
                site.now += number
                await site.json("POST", f"/windows/{ids[title]}/cancel", user="alice")
        wanted = {"": "cd", "?page=2": "eb", "?page=3": "a", "?page=9": "a"}
        wanted |= {f"?window={ids['b']}": "eb"}
        for query, titles in wanted.items():
            page = await site.page(f"/windows{query}", user="bob")
            assert "".join(row["Title"] for row in rows(page, TABLE)) == titles, query
        nav = (await site.page("/windows?page=2", user="bob")).one("nav", aria_label="Pages of windows")
        assert [link.attributes["href"] for link in nav.all("a")] == ["/windows?page=1", "/windows?page=3"]
        assert "Page 2 of 3" in nav.text
