"""404 of Neutron and Cinder: an extension that is not loaded is absent, anything else is unavailable."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.openstack.network.addresses import Addresses
from stratoscope.clouds.openstack.network.objects import Network
from stratoscope.clouds.openstack.volume import Volume
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_api import Answer, FakeApi

GONE = NotThereError("network: answered 404")
LOADED = (
    "agent",
    "backups",
    "router",
    "quotas",
    "quota_details",
    "network-ip-availability",
    "subnet_allocation",
)

Ask = Callable[[FakeApi], Any]
ASKS: Mapping[str, tuple[str, str, Ask]] = {
    "agents": ("/v2.0/agents", "agent", lambda api: Network(api).agents()),
    "routers": ("/v2.0/routers", "router", lambda api: Network(api).routers()),
    "backups": ("/backups/detail", "backups", lambda api: Volume(api).backups()),
    "floating_ips": ("/v2.0/floatingips", "router", lambda api: Network(api).floating_ips()),
}


def _loaded(*without: str) -> Mapping[str, Any]:
    return {"extensions": [{"alias": one, "name": one} for one in LOADED if one not in without]}


def _neutron(path: str, extensions: Answer) -> FakeApi:
    service = "network" if path.startswith("/v2.0") else "block-storage"
    listed = "/v2.0/extensions" if service == "network" else "/extensions"
    return FakeApi({(service, path): GONE, (service, listed): extensions})


@pytest.mark.parametrize("name", ASKS)
async def test_an_extension_that_is_not_loaded_is_absent(name: str) -> None:
    path, alias, ask = ASKS[name]
    with pytest.raises(LeftOutError, match=f": no extension {alias}") as caught:
        await ask(_neutron(path, _loaded(alias)))
    assert caught.value.reason is LeftOut.ABSENT


@pytest.mark.parametrize(
    "extensions",
    [
        _loaded(),
        {"extensions": []},
        {"extensions": [{"alias": "other"}, {"alias": 3}]},
        GONE,
        CollectError(Reason.MALFORMED, "network: no list"),
        CollectError(Reason.TIMEOUT, "network: no answer"),
        ForbiddenError("network: 403"),
    ],
)
@pytest.mark.parametrize("name", ASKS)
async def test_anything_else_is_unavailable(name: str, extensions: Answer) -> None:
    path, _, ask = ASKS[name]
    with pytest.raises(NotThereError) as caught:
        await ask(_neutron(path, extensions))
    assert caught.value.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize("path", ["ports", "networks"])
async def test_ports_and_networks_are_no_extension(path: str) -> None:
    api = _neutron(f"/v2.0/{path}", _loaded())
    with pytest.raises(NotThereError):
        await getattr(Network(api), path)()


async def test_addresses_are_not_counted_by_hand_where_neutron_as_a_whole_is_not_there() -> None:
    with pytest.raises(NotThereError):
        await Addresses(_neutron("/v2.0/network-ip-availabilities", GONE)).pools()
