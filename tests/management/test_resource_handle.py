"""Whether a resource is still there, by what the lists of its cloud say; over real connections."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from yarl import URL

from stratoscope.clouds.model import Objects
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from stratoscope.core.web.auth import Access
from support.asking import Answered, ask, basic, web_config
from support.handles import ONE, OTHER, Site, handles, vms, volumes
from support.services import FakeService, served

DOWN = CollectError(Reason.UNAVAILABLE, "compute: 503")


async def told(site: Site, one: str = ONE, **where: str) -> dict[str, Any]:
    """The handle, which is told without a log-in."""
    answer = await ask(site.handle(one, **where))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    found: dict[str, Any] = json.loads(answer.text)
    return found


async def said(site: Site, one: str = ONE, **where: str) -> tuple[str, int | None]:
    found = await told(site, one, **where)
    return found["status"], found["since"]


async def test_vm_that_is_listed_is_present() -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE)]}}) as site:
        await site.refresh(0)
        site.clock.time_s += 12.34
        assert await told(site) == {
            "cloud": "uni", "kind": "vms", "id": ONE, "status": "present", "state": "ACTIVE", "since": 1000,
            "as_of": 1000, "age_seconds": 12.3, "is_complete": True,
        }  # fmt: skip


async def test_vm_is_gone_since_the_first_list_without_it() -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE), vms(), vms()]}}) as site:
        await site.refresh(0)
        await site.refresh()
        await site.refresh()
        assert await told(site) == {
            "cloud": "uni", "kind": "vms", "id": ONE, "status": "gone", "state": None, "since": 1060,
            "as_of": 1120, "age_seconds": 0.0, "is_complete": True,
        }  # fmt: skip


async def test_answer_that_events_have_spared_a_list_is_as_old_as_the_last_list() -> None:
    spared = replace(vms(OTHER), as_of=1000.0)
    async with handles({"uni/openstack": {"servers": [vms(ONE), spared]}}) as site:
        await site.refresh(0)
        await site.refresh()
        found = await told(site)
        assert (found["status"], found["since"]) == ("gone", 1060)
        assert (found["as_of"], found["age_seconds"]) == (1000, 60.0)


async def test_vm_whose_end_an_event_alone_reports_is_gone_when_a_list_lacks_it() -> None:
    """Who can send events could have a VM called gone that runs."""
    said_to_end = replace(vms(), ended=frozenset({ONE}))
    answers = [vms(ONE), said_to_end, said_to_end, vms(ONE), said_to_end, vms()]
    async with handles({"uni/openstack": {"servers": answers}}) as site:
        found = []
        for _ in answers:
            await site.refresh()
            found.append(await said(site))
    assert found == [
        ("present", 1060), ("unknown", None), ("unknown", None), ("present", 1060), ("unknown", None),
        ("gone", 1360),
    ]  # fmt: skip


async def test_vm_that_was_never_listed_is_gone_and_nobody_knows_since_when() -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE)]}}) as site:
        await site.refresh(0)
        assert await said(site, OTHER) == ("gone", None)


@pytest.mark.parametrize("flags", [{"is_whole": False}, {"is_complete": False}], ids=str)
async def test_of_what_a_part_of_all_lacks_nothing_is_known(flags: dict[str, bool]) -> None:
    answers = {"servers": [vms(ONE, OTHER), vms(OTHER, **flags)]}
    async with handles({"uni/openstack": answers}) as site:
        await site.refresh(0)
        await site.refresh()
        assert await said(site) == ("unknown", 1060)
        assert await said(site, ONE.replace("6", "7")) == ("unknown", None)
        found = await told(site, OTHER)
        assert (found["status"], found["since"], found["is_complete"]) == ("present", 1000, False)


async def test_vm_that_comes_back_is_present_since_then() -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE), vms(), vms(ONE, OTHER)]}}) as site:
        for _ in range(3):
            await site.refresh()
        assert await said(site) == ("present", 1180)
        assert await said(site, OTHER) == ("present", 1180)


async def test_volumes_have_lists_of_their_own() -> None:
    answers = {"servers": [vms(ONE)], "volumes": [volumes(OTHER), volumes(is_whole=False)]}
    async with handles({"uni/openstack": answers}) as site:
        await site.refresh(0)
        found = await told(site, OTHER, kind="volumes")
        assert (found["kind"], found["status"], found["state"]) == ("volumes", "present", "in-use")
        assert await said(site, OTHER) == ("gone", None)
        assert await said(site, ONE, kind="volumes") == ("gone", None)
        await site.refresh()
        assert await said(site, OTHER, kind="volumes") == ("unknown", 1060)


async def test_answer_without_objects_fails_its_collector_and_the_handle_says_so() -> None:
    async with handles({"uni/openstack": {"volumes": [Objects("volumes", {}, None, {})]}}) as site:
        await site.refresh(0)
        answer = await ask(site.handle(kind="volumes"))
    assert answer.status == 503
    assert "internal" in answer.text


async def test_without_a_young_list_there_is_no_answer_but_when_to_come_again() -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE), DOWN]}}) as site:
        answer = await ask(site.handle())
        assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
        assert answer.text == "vms of uni: no list that is young enough: the first list is being read\n"
        await site.refresh(0)
        await site.refresh(300)
        found = await told(site)
        assert (found["status"], found["as_of"], found["age_seconds"]) == ("present", 1000, 300.0)
        site.clock.time_s += 0.1
        answer = await ask(site.handle())
        assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
        assert answer.text == "vms of uni: no list that is young enough: unavailable: compute: 503\n"


async def test_right_that_is_taken_away_takes_the_list_with_it() -> None:
    refusal = LeftOutError(LeftOut.UNAUTHORIZED, "the role admin\n is needed")
    async with handles({"uni/openstack": {"servers": [vms(ONE), refusal]}}) as site:
        await site.refresh(0)
        await site.refresh()
        answer = await ask(site.handle())
    assert answer.status == 503
    assert answer.text.count("\n") == 1
    assert "unauthorized" in answer.text


async def test_what_is_switched_off_says_by_which_key() -> None:
    async with handles({"uni/openstack": {"servers": [vms()]}}) as site:
        await site.refresh(0)
        answer = await ask(site.handle(kind="volumes"))
    assert (answer.status, answer.text) == (
        409, "volumes of uni are not collected; needed: management.collectors.volumes.enabled: true\n"
    )  # fmt: skip


async def test_unknown_clouds_and_kinds_say_what_is_allowed() -> None:
    async with handles({"uni/openstack": {"servers": [vms()]}, "lab/opennebula": {}}) as site:
        answer = await ask(site.handle(cloud="nowhere"))
        assert (answer.status, answer.text) == (404, "cloud: there is no nowhere; allowed: uni, lab\n")
        answer = await ask(site.handle(kind="ports"))
        assert (answer.status, answer.text) == (
            404, "kind: there are no ports of uni; allowed: vms, volumes\n"
        )  # fmt: skip


async def test_before_a_cloud_is_open_the_exporter_is_not_ready() -> None:
    async with served(FakeService(routes=(await _routes()))) as url:
        answer = await ask(f"{url}/api/v1/clouds/uni/resources/vms/{ONE}")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def _routes() -> Any:
    async with handles({}) as site:
        return site.service.routes


async def test_each_cloud_answers_for_itself() -> None:
    clouds = {"uni/openstack": {"servers": [vms(ONE)]}, "lab/opennebula": {"servers": [vms("42")]}}
    async with handles(clouds) as site:
        await site.refresh(0)
        assert await said(site) == ("present", 1000)
        assert await said(site, "42", cloud="lab") == ("present", 1000)
        assert await said(site, "0042", cloud="lab") == ("present", 1000)
        assert await said(site, "43", cloud="lab") == ("gone", None)
        assert (await ask(site.handle("42"))).status == 400
        assert (await ask(site.handle(ONE, cloud="lab"))).status == 400


async def test_clouds_of_one_name_are_told_apart_by_their_kinds() -> None:
    clouds = {"uni/openstack": {"servers": [vms(ONE)]}, "uni/opennebula": {"servers": [vms("42")]}}
    async with handles(clouds) as site:
        await site.refresh(0)
        answer = await ask(site.handle())
        assert (answer.status, answer.text) == (
            404, "cloud: several are named uni; allowed: uni%2Fopenstack, uni%2Fopennebula\n"
        )  # fmt: skip
        for kind, one in (("openstack", ONE), ("opennebula", "42")):
            answer = await ask(URL(site.handle(one, cloud=f"uni%2F{kind}"), encoded=True))
            assert (answer.status, json.loads(answer.text)["status"]) == (200, "present")


@pytest.mark.parametrize("one", [ONE.upper(), ONE.replace("-", "")])
async def test_uuid_may_be_written_otherwise(one: str) -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE)]}}) as site:
        await site.refresh(0)
        found = await told(site, one)
        assert (found["id"], found["status"]) == (ONE, "present")


async def test_id_that_is_no_uuid_but_listed_is_found() -> None:
    async with handles({"uni/openstack": {"servers": [vms("old\x9b31m/id")]}}) as site:
        await site.refresh(0)
        answer = await ask(URL(site.handle("old%C2%9B31m%2Fid"), encoded=True))
        assert json.loads(answer.text)["status"] == "present"
        assert "\x9b" not in answer.text


async def test_state_has_no_characters_that_a_terminal_obeys() -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE, state="\x9b31mACTIVE\n")]}}) as site:
        await site.refresh(0)
        found = await told(site)
        assert found["state"] == "\\x9b31mACTIVE\\n"


ODD = {
    "a name": "web-1",
    "climbing": "..%2F..%2F..%2Fetc%2Fpasswd",
    "a zero byte": f"{ONE}%00",
    "another line": f"{ONE}%0D%0AX-Evil:%201",
    "twice encoded": ONE.replace("-", "%252D"),
    "no UTF-8": "%FF%FE",
    "one that is cut": ONE[:-1],
    "a long one": "a" * 6000,
    "markup": "%3Cscript%3E",
    "a terminal's": "%1B[31m",
    "a number": "42",
}


@pytest.mark.parametrize("one", ODD.values(), ids=ODD)
async def test_what_is_no_id_is_no_reason_to_say_that_something_is_gone(one: str) -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE)]}}) as site:
        await site.refresh(0)
        answer = await ask(URL(site.handle(one), encoded=True))
    assert answer.status == 400
    assert answer.text.startswith("id: ")
    assert answer.text.endswith("is no id of vms here; allowed: a UUID, not a name\n")
    assert len(answer.text) < 1100
    assert answer.text[:-1].isprintable()
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"vms/{'a' * 10_000}", 400), ("vms/", 404), (f"vms/{ONE}/more", 404), (f"%2e%2e/{ONE}", 404),
        (f"vms%2F{ONE}", 404), (f"../../../../metrics/{ONE}", 404),
    ],
    ids=range(6),
)  # fmt: skip
async def test_other_paths_are_no_handles(path: str, status: int) -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE)]}}) as site:
        await site.refresh(0)
        answer = await ask(URL(f"{site.url}/api/v1/clouds/uni/resources/{path}", encoded=True))
    assert answer.status == status
    assert "status" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_handle_changes_nothing(method: str) -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE)]}}) as site:
        assert (await ask(site.handle(), method)).status == 405


async def test_head_tells_no_more_than_get() -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE)]}}) as site:
        await site.refresh(0)
        answer = await ask(site.handle(), "HEAD")
    assert (answer.status, answer.text) == (200, "")


async def _both(site: Site, **more: Any) -> tuple[Answered, Answered]:
    """What a client gets of the handle, and of /metrics."""
    return await ask(site.handle(), **more), await ask(f"{site.url}/metrics", **more)


async def test_where_anybody_may_scrape_anybody_may_ask() -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE)]}}) as site:
        await site.refresh(0)
        ours, theirs = await _both(site, source="127.0.0.2", headers={"X-Forwarded-For": "192.0.2.1"})
    assert (ours.status, theirs.status) == (200, 200)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401), (basic("bob"), 200), (basic("bob", "wrong"), 401), (basic("carol"), 401),
        ({"Authorization": "Bearer x"}, 401), ({"Authorization": "Basic %"}, 401),
    ],
    ids=str,
)  # fmt: skip
async def test_it_is_guarded_as_metrics_are(headers: dict[str, str], status: int, tmp_path: Path) -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE)]}}, web_config(tmp_path)) as site:
        await site.refresh(0)
        ours, theirs = await _both(site, headers=headers)
    assert (ours.status, theirs.status) == (status, status)
    assert ours.headers.get("WWW-Authenticate") == theirs.headers.get("WWW-Authenticate")
    assert ours.headers.get("Cache-Control") == ("private, no-cache" if status == 200 else None)


async def test_who_may_not_ask_is_not_told_which_clouds_there_are(tmp_path: Path) -> None:
    async with handles({"uni/openstack": {"servers": [vms(ONE)]}}, web_config(tmp_path)) as site:
        answers = [
            await ask(site.handle(cloud="nowhere")), await ask(site.handle(kind="ports")),
            await ask(site.handle("web-1")),
        ]  # fmt: skip
    assert {(answer.status, answer.text) for answer in answers} == {(401, "a password is needed\n")}


async def test_too_many_requests_are_refused_as_for_every_page(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text("rate_limit: {interval: 1h, burst: 2}\n")
    access = Access.open(str(tmp_path / "web.yml"))
    async with handles({"uni/openstack": {"servers": [vms(ONE)]}}, access) as site:
        await site.refresh(0)
        statuses = [(await ask(site.handle())).status for _ in range(3)]
    assert statuses == [200, 200, 429]


async def test_files_of_pages_stay_as_guarded_as_they_were(tmp_path: Path) -> None:
    async with handles({}, web_config(tmp_path)) as site:
        page = (await ask(f"{site.url}/", headers=basic("bob"))).text
        (style,) = re.findall(r'rel="stylesheet" href="([^"]+)"', page)
        assert (await ask(f"{site.url}/{style}")).status == 401
        assert (await ask(f"{site.url}/{style}", headers=basic("bob"))).status == 200
