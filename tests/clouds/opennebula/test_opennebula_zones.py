"""Endpoints of oned, zones and servers; the servers of a zone and their states of Raft."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from yarl import URL

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.model import Count
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.opennebula.config import Found
from stratoscope.clouds.opennebula.zones import MOST, Zone, own_zone
from stratoscope.core.config import Secret
from support.certificates import Authority, write
from support.little_server import listening
from support.opennebula import asked, cloud_of
from support.replayed_oned import SESSION, Oned, refused, replayed

SILENT = "http://127.0.0.1:1/RPC2"
LEADER = "<RAFT><SERVER_ID>0</SERVER_ID><STATE>3</STATE></RAFT>"


def zone(name: str, endpoint: str, *servers: tuple[str, str], state: int = 0) -> str:
    pool = "".join(f"<SERVER><NAME>{one}</NAME><ENDPOINT>{url}</ENDPOINT></SERVER>" for one, url in servers)
    inner = f"<TEMPLATE><ENDPOINT>{endpoint}</ENDPOINT></TEMPLATE><SERVER_POOL>{pool}</SERVER_POOL>"
    return f"<ZONE><ID>{len(name)}</ID><NAME>{name}</NAME><STATE>{state}</STATE>{inner}</ZONE>"


@pytest.fixture
async def oned() -> AsyncIterator[Oned]:
    """Of a zone with two servers, one of which is silent, in a federation of two zones."""
    async with replayed({"zone.raftstatus": LEADER}) as running:
        servers = (("one-1", running.endpoint), ("one-2", SILENT))
        zones = zone("north", running.endpoint, *servers) + zone("southern", SILENT, state=1)
        running.answers["zonepool.info"] = f"<ZONE_POOL>{zones}</ZONE_POOL>"
        yield running


async def test_a_lone_oned_is_one_endpoint_that_is_up() -> None:
    found = await asked("endpoints")
    assert [(one.service, one.is_up, one.counts[-1]) for one in found.endpoints] == [("oned", True, 1)]


@pytest.mark.parametrize(
    ("status", "text"), [(404, ""), (405, ""), (200, "<html>It works!</html>"), (200, "{}"), (502, "")]
)
async def test_another_server_where_oned_should_be_is_no_endpoint_that_is_up(
    oned: Oned, status: int, text: str
) -> None:
    async def another(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, text=text)

    async with listening(another) as url:
        zones = zone("north", oned.endpoint) + zone("southern", f"{url}/RPC2")
        oned.answers["zonepool.info"] = f"<ZONE_POOL>{zones}</ZONE_POOL>"
        cloud = cloud_of(oned)
        found = await cloud.ask("endpoints")
        await cloud.close()
    assert {one.service: one.is_up for one in found.endpoints} == {"oned": True, "oned/southern": False}


async def test_check_of_an_endpoint_bears_no_credential(oned: Oned) -> None:
    seen = []

    async def spy(request: web.BaseRequest) -> web.StreamResponse:
        seen.append((request.method, request.headers.get("Authorization"), await request.read()))
        return web.Response(body=refused("unknown_method"))

    async with listening(spy) as url:
        oned.answers["zonepool.info"] = (
            f"<ZONE_POOL>{zone('southern', url)}{zone('n', oned.endpoint)}</ZONE_POOL>"
        )
        cloud = cloud_of(oned)
        found = await cloud.ask("endpoints")
        await cloud.close()
    assert [one.is_up for one in found.endpoints] == [True, True]
    ((method, authorization, body),) = seen
    assert (method, authorization) == ("POST", None)
    assert SESSION.encode() not in body


async def test_other_zones_and_servers_are_endpoints_and_silent_ones_are_down(oned: Oned) -> None:
    cloud = cloud_of(oned)
    found = await cloud.ask("endpoints")
    await cloud.close()
    assert {one.service: one.is_up for one in found.endpoints} == {
        "oned": True, "oned/southern": False, "oned/one-2": False
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong", ["-", "", "one.example.org:2633", "http://[bad", "http://one:99999/RPC2", "ftp://one/RPC2"]
)
async def test_what_is_no_address_is_no_endpoint_and_the_others_stay(oned: Oned, wrong: str) -> None:
    zones = str(oned.answers["zonepool.info"]).replace("</ZONE_POOL>", zone("odd", wrong) + "</ZONE_POOL>")
    oned.answers["zonepool.info"] = zones
    cloud = cloud_of(oned)
    endpoints, found = await cloud.ask("endpoints"), await cloud.ask("zones")
    await cloud.close()
    assert {one.service: one.is_up for one in endpoints.endpoints} == {
        "oned": True, "oned/southern": False, "oned/one-2": False
    }  # fmt: skip
    by_sort = {objects.sort: objects.by_state for objects in found.objects}
    assert (by_sort["zones"]["ENABLED"], found.malformed) == (Count(2), 0)


async def test_a_zone_that_names_no_address_is_not_taken_for_one_that_is_not_there() -> None:
    """Behind a proxy: the other zone, whose servers would be sent the credential, is not the own one."""
    both = zone("odd", "http://[bad") + zone("southern", SILENT, ("one-3", SILENT), ("one-4", SILENT))
    found = await asked("zones", {"zonepool.info": f"<ZONE_POOL>{both}</ZONE_POOL>"})
    assert [(one.host, one.zone) for one in found.agents] == [("127.0.0.1", "")]


async def test_a_server_without_an_address_is_in_error(oned: Oned) -> None:
    oned.answers["zonepool.info"] = str(oned.answers["zonepool.info"]).replace(
        f"<NAME>one-2</NAME><ENDPOINT>{SILENT}<", "<NAME>one-2</NAME><ENDPOINT>-<"
    )
    cloud = cloud_of(oned)
    found = await cloud.ask("zones")
    await cloud.close()
    assert {one.host: one.is_up for one in found.agents} == {"one-1": True, "one-2": False}


LOCAL = zone("north", "http://localhost:2633/RPC2") + zone("southern", "http://127.0.0.1:1/RPC2")


async def test_localhost_is_not_looked_for_where_oned_is_on_another_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with replayed({"zonepool.info": f"<ZONE_POOL>{LOCAL}</ZONE_POOL>"}) as running:
        # The machine has no other name that is served: oned answers as the proxy of a host that is not there.
        monkeypatch.setenv("http_proxy", running.endpoint.removesuffix("/RPC2"))
        monkeypatch.delenv("no_proxy", raising=False)
        running.endpoint = "http://one.example.org/RPC2"
        cloud = cloud_of(running)
        found = await cloud.ask("endpoints")
        await cloud.close()
    assert [(one.service, one.is_up) for one in found.endpoints] == [("oned", True)]


async def test_localhost_is_looked_for_on_oneds_own_machine() -> None:
    found = await asked("endpoints", {"zonepool.info": f"<ZONE_POOL>{LOCAL}</ZONE_POOL>"})
    assert {one.service for one in found.endpoints} == {"oned", "oned/north", "oned/southern"}


async def test_endpoints_are_looked_at_while_oned_refuses_the_credential() -> None:
    found = await asked("endpoints", {"zonepool.info": refused("bad_password")})
    assert [(one.service, one.is_up) for one in found.endpoints] == [("oned", True)]


async def test_a_look_that_the_budget_does_not_allow_says_nothing(oned: Oned) -> None:
    cloud = cloud_of(oned, Clock(monotonic=lambda: 0.0))
    cloud.budget.refused("oned", 429, "60")
    found = await cloud.ask("endpoints")
    await cloud.close()
    assert [one.is_up for one in found.endpoints] == [None]


async def test_a_lone_oned_is_a_server_of_its_own() -> None:
    found = await asked("zones")
    (one,) = found.agents
    assert (one.service, one.host, one.zone, one.is_up) == ("oned", "127.0.0.1", "OpenNebula", True)
    assert {objects.sort: objects.by_state for objects in found.objects} == {
        "servers": {"SOLO": Count(1)}, "zones": {"ENABLED": Count(1)}
    }  # fmt: skip


async def test_servers_of_a_zone_have_their_states_and_a_silent_one_is_in_error(oned: Oned) -> None:
    cloud = cloud_of(oned)
    found = await cloud.ask("zones")
    await cloud.close()
    assert {one.host: (one.is_up, one.zone) for one in found.agents} == {
        "one-1": (True, "north"), "one-2": (False, "north")
    }  # fmt: skip
    assert {objects.sort: objects.by_state for objects in found.objects} == {
        "servers": {"LEADER": Count(1), "ERROR": Count(1)},
        "zones": {"ENABLED": Count(1), "DISABLED": Count(1)},
    }


async def test_one_server_leads_and_a_silent_one_does_not(oned: Oned) -> None:
    cloud = cloud_of(oned)
    found = await cloud.ask("zones")
    await cloud.close()
    assert {one.host: one.is_leader for one in found.agents} == {"one-1": True, "one-2": False}


@pytest.mark.parametrize(("state", "leads"), [(0, None), (1, False), (2, False), (3, True), (7, False)])
async def test_who_leads_is_what_raft_says_and_a_lone_server_leads_nobody(
    state: int, *, leads: bool | None
) -> None:
    (one,) = (await asked("zones", {"zone.raftstatus": LEADER.replace(">3<", f">{state}<")})).agents
    assert one.is_leader is leads


async def test_a_candidate_is_down_as_without_a_leader_nothing_can_be_changed() -> None:
    up = []
    for state in (0, 1, 2, 3):
        (one,) = (await asked("zones", {"zone.raftstatus": LEADER.replace(">3<", f">{state}<")})).agents
        up.append(one.is_up)
    assert up == [True, False, True, True]


async def test_an_endpoint_that_is_gone_is_forgotten_with_its_counts(oned: Oned) -> None:
    now = 0.0
    cloud = cloud_of(oned, Clock(monotonic=lambda: now))
    pool = oned.answers["zonepool.info"]
    counts = []
    for zones in (pool, f"<ZONE_POOL>{zone('north', oned.endpoint)}</ZONE_POOL>", pool, pool):
        now += 1000
        oned.answers["zonepool.info"] = zones
        endpoints = (await cloud.ask("endpoints")).endpoints
        counts.append({one.service: one.counts[-1] for one in endpoints})
    await cloud.close()
    assert [len(one) for one in counts] == [3, 1, 3, 3]
    assert [one["oned"] for one in counts] == [1, 2, 3, 4]
    assert [one.get("oned/other") for one in counts] == [None] * 4


async def test_so_many_servers_are_asked_and_no_more(oned: Oned) -> None:
    servers = [(f"one-{number}", oned.endpoint) for number in range(MOST + 5)]
    oned.answers["zonepool.info"] = f"<ZONE_POOL>{zone('north', oned.endpoint, *servers)}</ZONE_POOL>"
    cloud = cloud_of(oned)
    assert len((await cloud.ask("zones")).agents) == MOST
    await cloud.close()


def test_the_own_zone_is_the_one_that_names_the_endpoint() -> None:
    one, other = (Zone(name, "ENABLED", URL(f"http://{name}/RPC2"), ()) for name in ("one", "other"))
    assert own_zone([one, other], URL("http://other/RPC2")) is other
    assert own_zone([one], URL("http://proxy/RPC2")) is one
    assert own_zone([one, other], URL("http://proxy/RPC2")) is None
    assert own_zone([], URL("http://proxy/RPC2")) is None


async def test_the_credential_is_not_sent_over_http_where_the_configured_endpoint_is_https(
    tmp_path: Path,
) -> None:
    write(tmp_path, Authority())
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    oned = Oned({"zone.raftstatus": LEADER})
    server = RawTestServer(oned.answer, scheme="https")
    await server.start_server(ssl=tls)
    oned.endpoint = f"https://localhost:{server.port}/RPC2"
    async with replayed({"zone.raftstatus": LEADER}) as other:
        servers = (("one-1", oned.endpoint), ("one-2", other.endpoint))
        oned.answers["zonepool.info"] = f"<ZONE_POOL>{zone('north', oned.endpoint, *servers)}</ZONE_POOL>"
        entry = Found(
            "one", endpoint=oned.endpoint, session=Secret(SESSION), ca_file=str(tmp_path / "ca.crt")
        )
        cloud = OpenNebula(entry)
        found = await cloud.ask("zones")
        await cloud.close()
    await server.close()
    assert {one.host: one.is_up for one in found.agents} == {"one-1": True, "one-2": False}
    assert not other.calls


async def test_authorities_are_those_of_other_zones_where_the_configured_endpoint_is_on_this_machine(
    tmp_path: Path,
) -> None:
    write(tmp_path, Authority())
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    other = Oned({})
    server = RawTestServer(other.answer, scheme="https")
    await server.start_server(ssl=tls)
    async with replayed() as oned:
        zones = (zone("north", oned.endpoint), zone("southern", f"https://localhost:{server.port}/RPC2"))
        oned.answers["zonepool.info"] = f"<ZONE_POOL>{''.join(zones)}</ZONE_POOL>"
        trust = str(tmp_path / "ca.crt")
        cloud = OpenNebula(Found("one", endpoint=oned.endpoint, session=Secret(SESSION), ca_file=trust))
        found = await cloud.ask("endpoints")
        await cloud.close()
    await server.close()
    assert {one.service: one.is_up for one in found.endpoints} == {"oned": True, "oned/southern": True}
