"""Answers that no oned should give, and each of its errors: every question says what is wrong."""

import time
import xmlrpc.client

import pytest
from aiohttp import web

from stratoscope.clouds.opennebula.client import items, pools
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.little_server import listening
from support.opennebula import asked, cloud_of
from support.patience import FAR_S
from support.replayed_oned import FIXTURES, Oned, enveloped, recorded, refused
from support.zone_with_events import zone

POOLS = {
    "zones": "zonepool.info", "host_services": "hostpool.info", "host_usage": "hostpool.monitoring",
    "hosts": "hostpool.info", "inventories": "hostpool.info", "vms": "vmpool.info",
    "migrations": "vmpool.info",
    "templates": "templatepool.info", "room": "templatepool.info", "groups": "userpool.info",
    "quotas": "grouppool.info", "networks": "vnpool.info", "datastores": "datastorepool.info",
    "images": "imagepool.info", "each_vm": "vmpool.monitoring", "each_disk": "vmpool.info",
}  # fmt: skip
"""A call that each question needs; `endpoints` needs none."""
ERRORS = sorted(file.stem for file in (FIXTURES / "errors").iterdir())
REFUSED_BY_RIGHT = {"user_vm_of_other", "user_create_host", "restricted_attr", "quota_cpu", "quota_ips"}


def test_every_question_is_here() -> None:
    assert {one.name for one in OpenNebula.questions} == {*POOLS, "endpoints"}


@pytest.mark.parametrize("question", POOLS)
async def test_xml_that_is_cut_off_within_the_answer_is_malformed(question: str) -> None:
    text = recorded(POOLS[question])
    with pytest.raises(CollectError) as caught:
        await asked(question, {POOLS[question]: enveloped(text[: len(text) // 2])})
    assert caught.value.reason is Reason.MALFORMED
    assert str(caught.value).startswith(f"oned: {POOLS[question]}: ")


@pytest.mark.parametrize("question", POOLS)
async def test_an_answer_that_is_cut_off_is_malformed(question: str) -> None:
    with pytest.raises(CollectError) as caught:
        await asked(question, {POOLS[question]: enveloped(recorded(POOLS[question]))[:-200]})
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("error", ERRORS)
async def test_an_error_with_status_200_is_never_taken_for_vms(error: str) -> None:
    with pytest.raises((CollectError, LeftOutError)) as caught:
        await asked("vms", {"vmpool.info": refused(error)})
    assert caught.value.reason is not Reason.INTERNAL
    is_forbidden = caught.value.reason is LeftOut.UNAUTHORIZED
    assert is_forbidden is (error in REFUSED_BY_RIGHT)


@pytest.mark.parametrize("question", POOLS)
async def test_a_page_of_another_server_is_no_answer(question: str) -> None:
    with pytest.raises(CollectError) as caught:
        await asked(question, {POOLS[question]: b"<html><body>It works!</body></html>"})
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("status", ["<RAFT><STATE>3</ST", "<RAFT/>", "<RAFT><STATE>x</STATE></RAFT>"])
async def test_a_state_of_raft_that_cannot_be_read_is_malformed(status: str) -> None:
    with pytest.raises(CollectError, match=r"zone\.raftstatus") as caught:
        await asked("zones", {"zone.raftstatus": status})
    assert caught.value.reason is Reason.MALFORMED


class Heavy(Oned):
    """VMs come with 50 MB a page, unless at most `most` of them are asked for."""

    most = 250

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        params, method = xmlrpc.client.loads(await request.read())
        if method == "one.vmpool.info" and -int(str(params[3])) > self.most:
            self.pages.append((int(str(params[2])), -int(str(params[3]))))
            return web.Response(body=enveloped("<VM_POOL>" + " " * 50_000_000), content_type="text/xml")
        return await super().answer(request)


async def vms_of(oned: Oned) -> int:
    async with listening(oned.answer) as address:
        oned.endpoint = f"{address}/RPC2"
        cloud = cloud_of(oned)
        deadline = DEADLINE.set(time.monotonic() + FAR_S)
        try:
            return len((await cloud.ask("vms")).vms)
        finally:
            DEADLINE.reset(deadline)
            await cloud.close()


async def test_a_page_of_50_mb_is_asked_for_again_with_fewer_vms() -> None:
    oned = Heavy()
    assert await vms_of(oned) == 256
    assert oned.pages[:3] == [(0, 2000), (0, 250), (230, 250)]


async def test_vms_of_50_mb_each_are_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MOST_SEARCHED", 20)  # 300 otherwise
    oned = Heavy()
    oned.most = 0
    with pytest.raises(CollectError, match="one item alone") as caught:
        await vms_of(oned)
    assert caught.value.reason is Reason.MALFORMED
    sizes = [size for _, size in oned.pages]
    assert sizes[:5] == [2000, 250, 31, 3, 1]
    assert len(sizes) <= 35  # then parts are left out, and soon the rest


def crowded(method: str, item: str) -> dict[str, str]:
    """What was recorded of a pool, with an item that has more tags than the test allows."""
    text = recorded(method)
    end = text.index("</TEMPLATE>", text.index(f"<ID>{item}</ID>"))
    return {method: text[:end] + "<A/>" * 5_000 + text[end:]}


@pytest.mark.parametrize(("searched", "is_whole"), [(300, True), (0, False)])
async def test_a_pool_of_which_more_is_left_out_than_the_item_itself_is_a_partial_view(
    searched: int, *, is_whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "MOST_TAGS", 5_000)  # 400,000 otherwise
    monkeypatch.setattr(pools, "PAGE", 16)  # 2,000 otherwise
    monkeypatch.setattr(pools, "MOST_SEARCHED", searched)  # 300 otherwise
    found = await asked("vms", crowded("vmpool.info", "240"))
    assert (found.is_whole, found.is_complete, found.malformed) == (is_whole, False, 1)
    assert len(found.vms) == (255 if is_whole else 248)  # half of a page is on the one before, too


async def test_a_partial_view_stays_one_though_another_question_has_read_the_same_pool_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(items, "MOST_TAGS", 5_000)  # 400,000 otherwise
    monkeypatch.setattr(pools, "PAGE", 16)  # 2,000 otherwise
    monkeypatch.setattr(pools, "MOST_SEARCHED", 0)  # 300 otherwise
    deadline = DEADLINE.set(time.monotonic() + 100_000)  # by the clock that the test moves
    try:
        async with zone(crowded("vmpool.info", "240")) as (one, _):
            assert not (await one.read()).is_whole
            del one.oned.answers["vmpool.info"]
            assert (await one.read(60, "each_vm")).is_whole
            calls = one.pools()
            assert not (await one.read(60)).is_whole
            assert one.pools() == calls
    finally:
        DEADLINE.reset(deadline)
