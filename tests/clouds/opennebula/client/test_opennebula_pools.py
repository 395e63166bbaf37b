"""Pools: pages, what is on two of them, what is too large, what makes no sense."""

from collections.abc import Collection, Sequence
from html import escape

import pytest
from aiohttp import web

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.client.request import TooLargeError
from stratoscope.clouds.opennebula.client import items
from stratoscope.clouds.opennebula.client import oned as oned_module
from stratoscope.clouds.opennebula.client import pools as module
from stratoscope.clouds.opennebula.client.items import Element
from stratoscope.clouds.opennebula.client.pools import Pools, Search
from stratoscope.core.deadline import bounded
from stratoscope.core.errors import CollectError, Reason
from support.little_server import listening
from support.replayed_oned import Oned, client_of, replayed

IDS = [str(number) for number in range(259, 209, -1)]


def vms(*ids: str) -> str:
    return "<VM_POOL>" + "".join(f"<VM><ID>{one}</ID><NAME>vm</NAME></VM>" for one in ids) + "</VM_POOL>"


def identity(element: Element) -> int:
    return int(element.findtext("ID", ""))


async def read(answer: str) -> tuple[list[int], int, list[tuple[int, int]]]:
    async with replayed({"vmpool.info": answer}) as oned, client_of(oned) as client:
        found, malformed = await Pools(client).paged("vmpool.info", "VM", identity, -1)
        return found, malformed, oned.pages


async def test_pages_overlap_and_each_item_is_returned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 30)  # 2,000 otherwise
    found, malformed, pages = await read(vms(*IDS))
    assert (found, malformed) == ([*map(int, IDS)], 0)
    assert pages == [(0, 30), (15, 30), (30, 30)]


async def test_a_pool_of_one_page_takes_one_request() -> None:
    found, _, pages = await read(vms(*IDS))
    assert len(found) == 50
    assert pages == [(0, 2000)]


async def test_an_item_that_makes_no_sense_costs_itself_alone() -> None:
    found, malformed, _ = await read(vms("1", "x", "", "", "3"))
    assert (found, malformed) == ([1, 3], 3)


async def test_a_pool_of_which_nothing_makes_sense_is_malformed() -> None:
    with pytest.raises(CollectError, match="all 2 items are malformed: VM x: ValueError") as caught:
        await read(vms("x", "y"))
    assert caught.value.reason is Reason.MALFORMED


async def test_an_empty_pool_is_empty() -> None:
    assert await read("<VM_POOL/>") == ([], 0, [(0, 2000)])


async def test_a_page_that_is_too_large_is_requested_again_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 64)  # 2,000 otherwise
    monkeypatch.setattr(oned_module, "LARGEST", 1500)  # 16 MiB otherwise
    async with replayed({"vmpool.info": vms(*IDS)}) as oned, client_of(oned) as client:
        pools = Pools(client)
        found, _ = await pools.paged("vmpool.info", "VM", identity, -1)
        assert [*found] == [*map(int, IDS)]
        assert oned.pages[:3] == [(0, 64), (0, 8), (4, 8)]
        assert client.budget.stats.retries["oned", "vmpool.info", "malformed"] == 1
        oned.pages.clear()
        await pools.paged("vmpool.info", "VM", identity, -1)
        assert oned.pages[0] == (0, 8)


async def test_one_item_that_is_too_large_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oned_module, "LARGEST", 300)  # 16 MiB otherwise
    with pytest.raises(CollectError, match="one item alone") as caught:
        await read(vms(*IDS))
    assert not isinstance(caught.value, TooLargeError)


def odd(inside: str, *others: str) -> str:
    """A pool whose item 240 has more in it."""
    text = vms(*others) if others else vms(*IDS)
    return text.replace("<ID>240</ID>", f"<ID>240</ID><TEMPLATE>{inside}</TEMPLATE>")


@pytest.mark.parametrize(
    ("inside", "largest", "most"),
    [(f"<A>{'x' * 5_000}</A>", 5_000, 10_000), ("<A/>" * 400, 100_000, 300)],
    ids=["larger than a page may be", "more tags than an item has"],
)
async def test_one_item_that_a_user_has_blown_up_costs_itself_alone(
    inside: str, largest: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 30)  # 2,000 otherwise
    monkeypatch.setattr(oned_module, "LARGEST", largest)  # 16 MiB otherwise
    monkeypatch.setattr(items, "MOST_TAGS", most)  # 400,000 otherwise
    monkeypatch.setattr(items, "AT_ONCE", 100)  # 64 KiB otherwise
    async with replayed({"vmpool.info": odd(inside)}) as oned, client_of(oned) as client:
        pools = Pools(client)
        for _ in range(2):
            oned.pages.clear()
            found, malformed = await pools.paged("vmpool.info", "VM", identity, -1)
            assert (sorted(found), malformed) == (sorted(int(one) for one in IDS if one != "240"), 1)
            assert oned.pages[0] == (0, 30)
            assert len(oned.pages) <= 25, oned.pages


@pytest.mark.parametrize(
    ("inside", "largest", "most"),
    [(f"<A>{'x' * 5_000}</A>", 5_000, 10_000), ("<A/>" * 400, 100_000, 300)],
    ids=["larger than an answer may be", "more tags than an item has"],
)
async def test_one_chosen_vm_that_a_user_has_blown_up_costs_itself_alone(
    inside: str, largest: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oned_module, "WHOLE", largest)
    monkeypatch.setattr(items, "MOST_TAGS", most)
    monkeypatch.setattr(items, "AT_ONCE", 100)
    async with replayed({"vmpool.infoset": odd(inside)}) as oned, client_of(oned) as client:
        found, malformed = await Pools(client).chosen("VM", identity, IDS, is_extended=True)
    assert (sorted(found), malformed) == (sorted(int(one) for one in IDS if one != "240"), 1)


NO_TEXT = """<?xml version="1.0"?><methodResponse><fault><value><struct>
<member><name>faultCode</name><value><i4>-500</i4></value></member><member><name>faultString</name><value><string>
Unexpected error executing code for particular method, detected by Xmlrpc-c method registry code.  Method did
not fail; rather, it did not complete at all.  1178682-byte supposed UTF-8 string is not valid UTF-8.  UTF-8
multibyte sequence contains character 0x65, which does not indicate continuation.</string></value></member>
</struct></value></fault></methodResponse>"""
"""As reported of oned 5.6 and 5.12 (github.com/OpenNebula/one/issues/2355, 5197)."""


class Unsayable(Oned):
    """An oned that cannot send any answer with some of the VMs in it."""

    def __init__(self, ids: Sequence[str], unsayable: Collection[str]) -> None:
        super().__init__({"vmpool.info": vms(*ids), "vmpool.infoset": vms(*ids)})
        self.unsayable = unsayable

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        response = await super().answer(request)
        body = response.body if isinstance(response, web.Response) else b""
        assert isinstance(body, bytes)
        if any(f"&lt;ID&gt;{one}&lt;".encode() in body for one in self.unsayable):
            return web.Response(body=NO_TEXT, content_type="text/xml")
        return response


@pytest.mark.parametrize("unsayable", [("259",), ("210",), ("240", "239"), ("238", "237", "211"), ()])
async def test_vms_that_oned_cannot_send_cost_themselves_alone(
    unsayable: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 30)  # 2,000 otherwise
    oned = Unsayable(IDS, unsayable)
    async with listening(oned.answer) as address:
        oned.endpoint = f"{address}/RPC2"
        async with client_of(oned) as client:
            found, malformed = await Pools(client).paged("vmpool.info", "VM", identity, -1)
            ids, odd = await Pools(client).chosen("VM", identity, IDS, is_extended=True)
    rest = [int(one) for one in IDS if one not in unsayable]
    assert (found, malformed) == (rest, len(unsayable))
    assert (sorted(ids), odd) == (sorted(rest), len(unsayable))
    assert len(oned.pages) <= 4 + 20 * len(unsayable)


async def test_each_of_many_vms_that_oned_cannot_send_costs_itself_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PAGE", 100)  # 2,000 otherwise
    ids = [str(one) for one in range(300, 0, -1)]
    unsayable = [str(one) for one in range(100, 133, 3)]
    oned = Unsayable(ids, unsayable)
    async with listening(oned.answer) as address:
        oned.endpoint = f"{address}/RPC2"
        async with client_of(oned) as client:
            pools = Pools(client)
            found, malformed = await pools.paged("vmpool.info", "VM", identity, -1)
            assert not pools.is_cut("vmpool.info")
            chosen, odd = await pools.chosen("VM", identity, ids, is_extended=True)
    assert found == [int(one) for one in ids if one not in unsayable]
    assert malformed == odd == 11
    assert sorted(chosen) == sorted(found)
    assert len(oned.pages) < 165


async def test_vms_that_oned_cannot_send_are_looked_for_by_so_many_requests_and_the_others_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PAGE", 64)  # 2,000 otherwise
    monkeypatch.setattr(module, "MOST_SEARCHED", 12)  # 300 otherwise
    ids = [str(one) for one in range(600, 0, -1)]
    oned = Unsayable(ids, [str(one) for one in range(570, 0, -30)])
    async with listening(oned.answer) as address:
        oned.endpoint = f"{address}/RPC2"
        async with client_of(oned) as client:
            pools = Pools(client)
            found, malformed = await pools.paged("vmpool.info", "VM", identity, -1)
            search = Search()
            chosen, odd = await pools.chosen("VM", identity, ids, is_extended=True, search=search)
            assert (pools.is_cut("vmpool.info"), malformed > 10) == (True, True)
            assert len(oned.pages) < 12 + 600 // 8 + 20
            assert search.is_over
            oned.unsayable = ()
            assert len((await pools.paged("vmpool.info", "VM", identity, -1))[0]) == 600
            assert not pools.is_cut("vmpool.info")
    assert 300 < len(found) < 581
    assert 0 < odd < 19
    assert not set(map(int, search.left_out)) & set(chosen)
    assert len(chosen) + len(search.left_out) in range(580, 600)


@pytest.mark.parametrize("most", [60, 500])
async def test_search_leaves_of_the_budget_what_a_refresh_needs_for_the_rest(most: int) -> None:
    """It took 300 for each of two pools, of 500, so that nothing was read at all."""
    ids = [str(one) for one in range(4_000, 0, -1)]
    oned = Unsayable(ids, [str(one) for one in range(30, 4_000, 97)])
    async with listening(oned.answer) as address:
        oned.endpoint = f"{address}/RPC2"
        async with client_of(oned) as client:
            client.budget.limits = Limits(requests_per_refresh=most, requests_per_second=1_000)
            pools = Pools(client)
            with client.budget.refresh():
                found, _ = await pools.paged("vmpool.info", "VM", identity, -1)
                assert pools.is_cut("vmpool.info")
                search = pools.search()
                for start in range(0, 4_000, 500):
                    some = ids[start : start + 500]
                    await pools.chosen("VM", identity, some, is_extended=True, search=search)
                assert client.budget.left_of_refresh > 0
    assert len(found) > most


async def test_whole_pages_are_read_when_the_budget_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small parts took eight times as many requests, to the end of the pool."""
    monkeypatch.setattr(module, "PAGE", 64)  # 2,000 otherwise
    ids = [str(one) for one in range(3_000, 0, -1)]
    oned = Unsayable(ids, ids[:20])
    async with listening(oned.answer) as address:
        oned.endpoint = f"{address}/RPC2"
        async with client_of(oned) as client:
            client.budget.limits = Limits(requests_per_refresh=120, requests_per_second=1_000)
            with client.budget.refresh():
                found, _ = await Pools(client).paged("vmpool.info", "VM", identity, -1)
    assert len(found) > 2_900
    assert oned.pages[-1][1] == 64


async def test_oned_that_can_send_nothing_is_not_asked_for_each_vm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SEARCHED", 12)  # 300 otherwise
    oned = Unsayable(IDS, IDS)
    async with listening(oned.answer) as address:
        oned.endpoint = f"{address}/RPC2"
        async with client_of(oned) as client:
            with pytest.raises(CollectError, match="items are malformed: oned: ") as caught:
                await Pools(client).paged("vmpool.info", "VM", identity, -1)
    assert (caught.value.reason, len(oned.pages) < 35) == (Reason.MALFORMED, True)


@pytest.mark.parametrize("number", [12, 1_000])
async def test_search_ends_with_half_of_the_time_of_a_collection(number: int) -> None:
    async with bounded(0.0 if number == 12 else 1_000.0):
        assert Search().is_over is (number == 12)


async def test_a_pool_without_pages_says_that_one_item_costs_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "MOST_TAGS", 300)  # 400,000 otherwise
    monkeypatch.setattr(items, "AT_ONCE", 100)  # 64 KiB otherwise
    async with replayed({"userpool.info": odd("<A/>" * 400)}) as oned, client_of(oned) as client:
        with pytest.raises(CollectError, match="it has no pages, so one item costs all") as caught:
            await Pools(client).whole("userpool.info", "VM", identity)
    assert caught.value.reason is Reason.MALFORMED


BOMB = """<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><VM_POOL><VM><ID>&c;</ID></VM></VM_POOL>"""
FILE = '<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/hostname">]><VM_POOL><VM><ID>&f;</ID></VM></VM_POOL>'


@pytest.mark.parametrize(
    "text", ["<VM_POOL><VM>", "", "no XML", BOMB, FILE], ids=["cut", "", "text", "bomb", "file"]
)
async def test_a_text_that_is_no_pool_is_malformed(text: str) -> None:
    body = text.replace("&", "&amp;").replace("<", "&lt;")
    whole = f"<methodResponse><boolean>1</boolean><string>{body}</string></methodResponse>".encode()
    async with replayed({"vmpool.info": whole}) as oned, client_of(oned) as client:
        with pytest.raises(CollectError) as caught:
            await Pools(client).paged("vmpool.info", "VM", identity, -1)
    assert caught.value.reason is Reason.MALFORMED


async def test_a_large_pool_is_decoded_apart_with_the_same_result() -> None:
    found, malformed, _ = await read(vms(*map(str, range(1999))) + " " * (1 << 18))
    assert (len(found), malformed) == (1999, 0)


TINY = {
    "elements": "<VM_POOL>" + "<a/>" * 30_000 + "</VM_POOL>",
    "items": "<VM_POOL>" + "<VM/>" * 4_000 + "</VM_POOL>",
    "ids": "<VM_POOL>" + "".join(f"<VM><ID>{one}</ID></VM>" for one in range(4_000)) + "</VM_POOL>",
    "one item": "<VM_POOL><VM>" + "<a/>" * 30_000 + "</VM></VM_POOL>",
}


@pytest.mark.parametrize("tiny", TINY)
async def test_a_pool_of_tiny_elements_is_refused(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3_000)  # 200,000 otherwise
    monkeypatch.setattr(items, "MOST_TAGS", 20_000)  # 400,000 otherwise
    async with replayed({"hostpool.info": TINY[tiny]}) as oned, client_of(oned) as client:
        with pytest.raises(
            CollectError, match=r"hostpool.info: more than (20,000 tags|3,000 items)"
        ) as caught:
            await Pools(client).whole("hostpool.info", "VM", identity)
    assert caught.value.reason is Reason.MALFORMED


async def test_a_release_that_answers_the_whole_pool_to_each_page_is_read_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PAGE", 30)  # 2,000 otherwise
    whole = f"<methodResponse><boolean>1</boolean><string>{escape(vms(*IDS))}</string></methodResponse>"
    async with replayed({"vmpool.info": whole.encode()}) as oned, client_of(oned) as client:
        found, _ = await Pools(client).paged("vmpool.info", "VM", identity, -1)
    assert (len(found), oned.calls["vmpool.info"]) == (50, 2)
