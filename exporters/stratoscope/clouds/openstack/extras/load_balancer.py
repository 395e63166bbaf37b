"""Octavia: load balancers and amphorae (role admin). Source: /v2.0/lbaas/loadbalancers, octavia/amphorae."""

from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader
from stratoscope.clouds.model import Extra, Objects
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Id, Text
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.extras.extra import NO_AGENTS, counted, extra, if_allowed, other_service

_SERVICE: Final = "load-balancer"


class _LoadBalancer(msgspec.Struct, frozen=True, gc=False):
    id: Id
    provisioning_status: Text = ""
    operating_status: Text = ""
    admin_state_up: bool | None = None


class _Amphora(msgspec.Struct, frozen=True, gc=False):
    id: Id
    status: Text = ""


_LOAD_BALANCERS: Final = Listing(_SERVICE, "/v2.0/lbaas/loadbalancers", "loadbalancers", _LoadBalancer)
_AMPHORAE: Final = Listing(_SERVICE, "/v2.0/octavia/amphorae", "amphorae", _Amphora)
_PAGE: Final = (*WHOLE_PAGE.items(), ("fields", "id"))


class LoadBalancer(Reader):
    """Octavia's question."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @other_service(
        "load_balancer",
        cost="2, and 1 for each further 1,000 of both",
        role="admin, or load-balancer_global_observer without amphorae; load-balancer_observer: own",
    )
    async def read(self) -> Extra:
        """Load balancers by provisioning and operating status and by admin state; amphorae by status."""
        is_whole = await self._is_whole()
        balancers = await counted(
            self._api,
            _LOAD_BALANCERS,
            [*_PAGE, *(("fields", name) for name in _STATES)],
            {
                "loadbalancers": lambda one: one.provisioning_status,
                "loadbalancers_operating": lambda one: one.operating_status,
                "loadbalancers_admin": _admin_state,
            },
            is_whole=is_whole,
        )
        amphorae = await if_allowed(
            self._api,
            counted(
                self._api,
                _AMPHORAE,
                [*_PAGE, ("fields", "status")],
                {"amphorae": lambda one: one.status},
                is_whole=is_whole,
            ),
            (Objects("amphorae", {}, None, {}, is_whole=False),),
        )
        return extra(_SERVICE, NO_AGENTS, balancers + amphorae)

    async def _is_whole(self) -> bool:
        access = await self._api.access()
        return access.is_admin or bool(access.roles & _GLOBAL)


def _admin_state(balancer: _LoadBalancer) -> str:
    up = balancer.admin_state_up
    return "" if up is None else "up" if up else "down"


_STATES: Final = ("provisioning_status", "operating_status", "admin_state_up")
_GLOBAL: Final = frozenset({"load-balancer_global_observer", "load-balancer_admin"})
