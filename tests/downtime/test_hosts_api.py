"""The calls of a script that switches hosts off, and the list of hosts that are off, with a real store."""

from pathlib import Path
from typing import Any

import pytest

from stratoscope.downtime.hosts_off.described import host_downtime
from stratoscope.downtime.hosts_off.plan import Filed, Plan
from stratoscope.downtime.model import DAY_S, LONGEST_REARMED_S
from support.downtime_site import DRAFT, Site, downtimes
from support.stores import HOUR, NOW

CAP_S = LONGEST_REARMED_S


async def listed(site: Site) -> list[dict[str, Any]]:
    hosts: list[dict[str, Any]] = (await site.json("GET", "/hosts-off"))["hosts"]
    return hosts


async def file_by_cloud(site: Site, *hosts: str, is_at_risk: bool = False) -> None:
    """As the collector does."""
    filed = [
        Filed(one, host_downtime("uni", one, "rack", NOW - HOUR, is_at_risk=is_at_risk, cap_s=CAP_S))
        for one in hosts
    ]
    await site.store.apply_host_plan("cloud:uni", Plan(filed, [], [], []), NOW - HOUR)


async def test_a_host_is_off_until_it_is_said_to_be_back(site: Site) -> None:
    one = await site.json("PUT", "/hosts-off/uni/n1", {"reason": "saves\npower"})
    assert (one["title"], one["text"]) == ("n1 switched off: saves power", "saves power")
    assert one["matcher_sets"] == [['cloud="uni"', 'host="n1"']]
    assert (one["silences"], one["planned"], one["severity"]) == (True, True, "outage")
    assert (one["start"], one["end"], one["until_further_notice"]) == (NOW, NOW + DAY_S, True)
    assert (one["author"], one["source"], one["external_id"]) == ("loopback", "script:uni", "n1")
    assert await listed(site) == [
        {
            "cloud": "uni", "host": "n1", "since": NOW, "until": NOW + CAP_S, "at_risk": False,
            "sources": ["script:uni"], "authors": ["loopback"], "title": "n1 switched off: saves power",
            "downtime_ids": [one["id"]],
        }
    ]  # fmt: skip
    site.now += HOUR
    assert (await site.json("DELETE", "/hosts-off/uni/n1"))["ended"] == one["id"]
    assert (await site.json("GET", f"/downtimes/{one['id']}"))["end"] == NOW + HOUR
    assert await listed(site) == []
    assert site.wakes == 2


async def test_a_call_that_comes_again_changes_nothing_but_what_it_says(site: Site) -> None:
    one = await site.json("PUT", "/hosts-off/uni/n1")
    site.now += HOUR
    again = await site.json("PUT", "/hosts-off/uni/n1")
    assert {**again, "as_of": 0} == {**one, "as_of": 0}
    shorter = await site.json("PUT", "/hosts-off/uni/n1", {"until": NOW + 5 * HOUR})
    assert (shorter["id"], shorter["start"], shorter["end"]) == (one["id"], NOW, NOW + 5 * HOUR)
    assert shorter["until_further_notice"] is False
    longer = await site.json("PUT", "/hosts-off/uni/n1", {"until": NOW + 2 * CAP_S, "reason": "fan"})
    assert (longer["id"], longer["end"]) == (one["id"], NOW + CAP_S)
    assert longer["title"] == "n1 switched off: fan"
    other = await site.json("PUT", "/hosts-off/uni/n9", {"until": NOW + 2 * CAP_S})
    assert (other["start"], other["end"]) == (NOW + HOUR, NOW + HOUR + CAP_S)
    ended = [(await site.json("DELETE", "/hosts-off/uni/n1"))["ended"] for _ in range(2)]
    assert ended == [one["id"], None]
    assert (await site.json("DELETE", "/hosts-off/uni/n2"))["ended"] is None


async def test_a_host_that_is_back_at_once_was_never_off(site: Site) -> None:
    ids = []
    for _ in range(2):
        one = await site.json("PUT", "/hosts-off/uni/n1")
        await site.json("DELETE", "/hosts-off/uni/n1")
        await site.json("DELETE", "/hosts-off/uni/n1")
        ids.append(one["id"])
        assert (await site.json("GET", f"/downtimes/{one['id']}"))["state"] == "cancelled"
    assert len({*ids}) == 2


async def test_a_host_is_off_anew_after_its_time(site: Site) -> None:
    one = await site.json("PUT", "/hosts-off/uni/n1", {"until": NOW + HOUR})
    site.now += 2 * HOUR
    again = await site.json("PUT", "/hosts-off/uni/n1", {"until": NOW + 3 * HOUR})
    assert (again["id"] != one["id"], again["start"]) == (True, NOW + 2 * HOUR)


async def test_beyond_the_cap_a_host_is_not_off_again_before_it_is_said_to_be_back(site: Site) -> None:
    one = await site.json("PUT", "/hosts-off/uni/n1")
    site.now += CAP_S
    answer = await site.ask("PUT", "/hosts-off/uni/n1")
    said = "n1 is off for longer than downtime.hosts_off.cap, 30 d; allowed: once it was said to be back\n"
    assert (answer.status, answer.text) == (409, said)
    assert (await site.json("DELETE", "/hosts-off/uni/n1"))["ended"] is None
    assert (await site.json("PUT", "/hosts-off/uni/n1"))["id"] != one["id"]


async def test_a_host_that_was_not_moved_on_in_time_is_off_anew(site: Site) -> None:
    one = await site.json("PUT", "/hosts-off/uni/n1")
    site.now += 3 * DAY_S
    assert (await site.json("PUT", "/hosts-off/uni/n1"))["id"] != one["id"]


async def test_the_list_has_each_host_once_whoever_says_so(site: Site) -> None:
    await file_by_cloud(site, "n1", "n3")
    await file_by_cloud(site, "n2", "n3", is_at_risk=True)
    await site.json("PUT", "/hosts-off/uni/n1", {"until": NOW + HOUR})
    await site.json("PUT", "/hosts-off/far/n1", {"until": NOW + HOUR})
    await site.json("POST", "/downtimes", DRAFT)
    shown = [
        (one["cloud"], one["host"], one["since"], one["until"], one["at_risk"], one["sources"])
        for one in await listed(site)
    ]
    assert shown == [
        ("far", "n1", NOW, NOW + HOUR, False, ["script:far"]),
        ("uni", "n1", NOW - HOUR, NOW - HOUR + CAP_S, False, ["cloud:uni", "script:uni"]),
        ("uni", "n2", NOW - HOUR, NOW - HOUR + CAP_S, True, ["cloud:uni"]),
        ("uni", "n3", NOW - HOUR, NOW - HOUR + CAP_S, False, ["cloud:uni"]),
    ]


async def test_what_the_cloud_says_and_what_a_script_says_end_apart(site: Site) -> None:
    await file_by_cloud(site, "n1")
    (cloud,) = await site.store.newest("cloud:uni", NOW)
    script = await site.json("PUT", "/hosts-off/uni/n1")
    site.now += HOUR
    await site.store.apply_host_plan("cloud:uni", Plan([], [], [cloud.id], []), NOW + HOUR)
    assert [one["downtime_ids"] for one in await listed(site)] == [[script["id"]]]
    await site.json("DELETE", "/hosts-off/uni/n1")
    assert await listed(site) == []


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("uni/n1", {"until": NOW}, f"until: {NOW}; allowed: Unix seconds after now, {NOW}\n"),
        ("uni/n1", {"until": "soon"}, "until: "),
        ("uni/n1", {"reason": "x" * 4001}, "reason: 4001 characters; allowed: 4000\n"),
        ("uni/n1", {"for": 3}, "for: unknown"),
        ("uni/n%0A1", None, r"host: 'n\n1'; allowed: characters that can be printed"),
        ("%20/n1", None, "cloud: ' '; allowed: a name of"),
        (f"uni/{'n' * 256}", None, "host: '"),
    ],
)
async def test_a_call_that_is_wrong_is_one_line_and_nothing_is_stored(
    site: Site, path: str, body: Any, said: str
) -> None:
    answer = await site.ask("PUT", f"/hosts-off/{path}", body)
    assert answer.status == 400
    assert answer.text.startswith(said)
    assert answer.text.count("\n") == 1
    assert await listed(site) == []


async def test_who_may_say_that_a_host_is_off(tmp_path: Path) -> None:
    async with downtimes(tmp_path, has_users=True) as site:
        one = await site.json("PUT", "/hosts-off/uni/n1", user="alice")
        assert one["author"] == "alice"
        site.now += 60
        for method, path, body, statuses in (
            ("GET", "/hosts-off", None, (401, 200, 200)),
            ("PUT", "/hosts-off/uni/n1", None, (401, 403, 200)),
            ("PUT", f"/downtimes/{one['id']}", DRAFT, (401, 403, 409)),
            ("POST", f"/downtimes/{one['id']}/end", None, (401, 403, 200)),
            ("DELETE", "/hosts-off/uni/n1", None, (401, 403, 200)),
        ):
            answers = [await site.ask(method, path, body, user=user) for user in ("", "bob", "alice")]
            assert tuple(one.status for one in answers) == statuses, (method, path)
        assert (await site.store.get(one["id"])).end == NOW + 60


async def test_a_host_whose_cap_was_lowered_is_off_for_too_long(site: Site) -> None:
    asked = host_downtime("uni", "n1", "", NOW - 40 * DAY_S, cap_s=CAP_S)._replace(end=NOW + HOUR)
    hosts = site.store.hosts
    await hosts.off("uni", "n1", asked, who="ipmi", now=NOW - 40 * DAY_S, cap_s=50 * DAY_S)
    assert (await site.ask("PUT", "/hosts-off/uni/n1")).status == 409
    assert (await listed(site))[0]["until"] == NOW + HOUR


async def test_what_a_call_does_not_say_stays_as_it_was(site: Site) -> None:
    path = "/hosts-off/uni/n1"
    first = await site.json("PUT", path, {"until": NOW + 3 * HOUR, "reason": "saves power"})
    again = await site.json("PUT", path)
    assert (again["end"], again["title"], again["text"]) == (NOW + 3 * HOUR, first["title"], "saves power")
    later = await site.json("PUT", path, {"until": NOW + 4 * HOUR})
    assert (later["end"], later["text"]) == (NOW + 4 * HOUR, "saves power")
    other = await site.json("PUT", path, {"reason": "repair"})
    assert (other["end"], other["text"], other["until_further_notice"]) == (NOW + 4 * HOUR, "repair", False)
    assert (await site.json("PUT", path, {"until": None}))["until_further_notice"] is True


async def test_a_cloud_that_is_not_configured_is_refused_where_some_are(tmp_path: Path) -> None:
    async with downtimes(tmp_path, clouds=["uni", "lab"]) as site:
        answer = await site.ask("PUT", "/hosts-off/unni/n1")
        assert (answer.status, answer.text) == (
            400,
            "cloud: no cloud 'unni' is configured; allowed: uni, lab\n",
        )
        await site.json("PUT", "/hosts-off/lab/n1")
        await site.json("DELETE", "/hosts-off/unni/n1")
