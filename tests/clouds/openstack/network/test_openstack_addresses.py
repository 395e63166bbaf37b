"""Addresses by subnet, as Neutron counts them and as they are counted here."""

from collections.abc import Sequence
from typing import Any

import pytest

from stratoscope.clouds.address_pools import Pool, Pools
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.openstack.network.addresses import Addresses
from stratoscope.core.errors import CollectError, Reason
from support.fake_api import Answer, FakeApi
from support.openstack_answers import answer, spoilt

PROJECT1 = "f0940456145b4fdf82c3a013b30c907c"
NONE: Answer = {"network_ip_availabilities": []}


def _with_ids(ports: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """They were recorded when their ids were not asked for."""
    return [port | {"id": f"port-{number}"} for number, port in enumerate(ports)]


def neutron(availabilities: Answer | None = None) -> FakeApi:
    return FakeApi(
        {
            ("network", "/v2.0/network-ip-availabilities"): availabilities or answer("availabilities"),
            ("network", "/v2.0/networks?router:external=true"): answer("external_networks"),
            ("network", "/v2.0/networks"): answer("own_networks"),
            ("network", "/v2.0/subnets"): answer("own_subnets"),
            ("network", "/v2.0/ports"): {"ports": _with_ids(answer("own_ports")["ports"])},
        }
    )


def plain(availabilities: Answer = NONE) -> FakeApi:
    api = neutron(availabilities)
    api.be(roles=frozenset({"member"}), project_id=PROJECT1)
    return api


def by_name(pools: Pools) -> dict[str, Pool]:
    return {pool.subnet_name: pool for pool in pools.pools}


async def test_addresses_come_by_subnet_with_their_network() -> None:
    api = neutron()
    read = by_name(await Addresses(api).pools())
    assert set(read) == {"ext-sub", "demo-ext-sub", "shared-sub", "demo-sub", "web-sub", "web-sub6"}
    assert {name for name, pool in read.items() if pool.is_external} == {"ext-sub", "demo-ext-sub"}
    assert (read["ext-sub"].network_name, read["ext-sub"].total, read["ext-sub"].used) == ("ext-net", 253, 3)
    assert (read["web-sub6"].ip_version, read["web-sub6"].total) == (6, 2.0**64)
    assert (read["ext-sub"].cidr, read["web-sub6"].cidr) == ("198.51.100.0/24", "fd00:77::/64")
    assert len(api.calls) == 2


async def test_plain_credential_counts_its_own_subnets_as_neutron_does() -> None:
    whole = by_name(await Addresses(neutron()).pools())
    own = by_name(await Addresses(plain()).pools())
    assert own == {name: pool for name, pool in whole.items() if pool.project_id == PROJECT1}
    assert len(own) == 3


async def test_port_that_stands_on_two_pages_is_counted_once() -> None:
    api, ports = plain(), {"ports": _with_ids(answer("own_ports")["ports"])}
    once = await Addresses(plain()).pools()
    api.answers["network", "/v2.0/ports"] = [ports, ports]
    assert await Addresses(api).pools() == once


@pytest.mark.parametrize("error", [ForbiddenError("network: 403"), NotThereError("network: 404")])
async def test_addresses_are_counted_where_neutron_does_not_count_them(error: Exception) -> None:
    api = plain(error)
    api.answers["network", "/v2.0/extensions"] = {"extensions": [{"alias": "agent"}]}
    assert len((await Addresses(api).pools()).pools) == 3


async def test_admin_of_a_neutron_without_the_extension_counts_all_subnets() -> None:
    api = neutron(NotThereError("network: 404"))
    api.answers["network", "/v2.0/extensions"] = {"extensions": [{"alias": "agent"}]}
    assert len((await Addresses(api).pools()).pools) == 6


async def test_plain_credential_without_subnets_has_none_and_asks_no_more() -> None:
    api = plain()
    api.be(project_id="0" * 32)
    assert (await Addresses(api).pools()).pools == ()
    assert len(api.calls) == 2


async def test_admin_of_a_cloud_without_networks_has_none() -> None:
    assert await Addresses(neutron(NONE)).pools() == Pools(())


async def test_network_that_makes_no_sense_costs_itself() -> None:
    body = spoilt("availabilities", "network_ip_availabilities", field="subnet_ip_availability", value="none")
    read = await Addresses(neutron(body)).pools()
    assert (len(read.pools), read.malformed) == (5, 1)


async def test_subnet_that_makes_no_sense_costs_itself_and_not_its_network() -> None:
    body = answer("availabilities")
    before = (await Addresses(neutron(answer("availabilities"))).pools()).pools
    (network,) = [one for one in body["network_ip_availabilities"] if len(one["subnet_ip_availability"]) == 2]
    network["subnet_ip_availability"][0]["subnet_id"] = None
    read = await Addresses(neutron(body)).pools()
    assert (len(read.pools), read.malformed) == (len(before) - 1, 1)
    assert {pool.network_id for pool in read.pools} == {pool.network_id for pool in before}
    assert read.partial == {network["network_id"]}


@pytest.mark.parametrize("lost", [None, 7, {"subnet_id": "s", "ip_version": None}], ids=str)
async def test_network_of_a_subnet_that_is_lost_is_partial(lost: object) -> None:
    body = answer("availabilities")
    assert (await Addresses(neutron(answer("availabilities"))).pools()).partial == frozenset()
    network = body["network_ip_availabilities"][0]
    network["subnet_ip_availability"].append(lost)
    read = await Addresses(neutron(body)).pools()
    assert (read.partial, read.malformed) == ({network["network_id"]}, 1)


@pytest.mark.parametrize(("used", "malformed"), [(None, 0), ("many", 1), (-1, 1), ({}, 1)], ids=str)
async def test_number_of_addresses_that_makes_no_sense_is_not_known(used: object, malformed: int) -> None:
    body = answer("availabilities")
    before = (await Addresses(neutron(answer("availabilities"))).pools()).pools
    (network,) = [one for one in body["network_ip_availabilities"] if len(one["subnet_ip_availability"]) == 2]
    use = network["subnet_ip_availability"][0]
    use["used_ips"] = used
    read = await Addresses(neutron(body)).pools()
    (odd,) = [pool for pool in read.pools if pool.subnet_id == use["subnet_id"]]
    assert (len(read.pools), read.malformed) == (len(before), malformed)
    assert (odd.used, odd.total) == (None, float(use["total_ips"]))


async def test_own_subnets_use_is_not_known_where_a_port_makes_no_sense() -> None:
    api = plain()
    ports = _with_ids(answer("own_ports")["ports"])
    ports[0] = ports[0] | {"fixed_ips": 7}
    api.answers["network", "/v2.0/ports"] = {"ports": ports}
    read = await Addresses(api).pools()
    assert read.malformed == 1
    assert [pool.used for pool in read.pools] == [None] * len(read.pools)
    assert all(pool.total for pool in read.pools)


async def test_range_that_is_none_costs_its_subnet() -> None:
    api = plain()
    api.answers["network", "/v2.0/subnets"] = spoilt(
        "own_subnets", "subnets", field="allocation_pools", value=[{"start": "fd00:77::1", "end": "last"}]
    )
    read = await Addresses(api).pools()
    assert (len(read.pools), read.malformed) == (2, 1)
    assert read.partial == {answer("own_subnets")["subnets"][0]["network_id"]}


async def test_own_subnet_that_makes_no_sense_may_be_of_any_network() -> None:
    api = plain()
    api.answers["network", "/v2.0/subnets"] = spoilt("own_subnets", "subnets", field="network_id", value=7)
    read = await Addresses(api).pools()
    assert (len(read.pools), read.malformed) == (2, 1)
    assert read.partial == {pool.network_id for pool in read.pools}
    assert (await Addresses(plain()).pools()).partial == frozenset()


async def test_network_of_a_subnet_that_is_not_listed_has_no_name() -> None:
    api = plain()
    api.answers["network", "/v2.0/networks"] = {"networks": []}
    assert {pool.network_name for pool in (await Addresses(api).pools()).pools} == {""}


async def test_addresses_are_shown_where_networks_may_not_be_read() -> None:
    api = neutron()
    api.answers["network", "/v2.0/networks?router:external=true"] = ForbiddenError("403")
    read = await Addresses(api).pools()
    assert (len(read.pools), {pool.is_external for pool in read.pools}) == (6, {None})
    api = plain()
    api.answers["network", "/v2.0/networks"] = ForbiddenError("403")
    own = await Addresses(api).pools()
    assert [(pool.network_name, pool.is_external) for pool in own.pools] == [("", None)] * 3


async def test_neutron_that_is_down_is_told_as_it_is() -> None:
    with pytest.raises(CollectError):
        await Addresses(neutron(CollectError(Reason.TIMEOUT, "network: slow"))).pools()
