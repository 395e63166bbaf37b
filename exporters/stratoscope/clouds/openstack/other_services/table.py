"""The services of which only agents and counts are read, a row for each. Swift has none.

None of them runs in this project's integration tests: the tests use samples of the API references.
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import msgspec

from stratoscope.clouds.abilities import Fetch, Question, Reader
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.model import Count, Objects
from stratoscope.clouds.openstack.agents import OS_SERVICES, AgentList
from stratoscope.clouds.openstack.client.api import Access, Api
from stratoscope.clouds.openstack.client.counting import Tally, counted_row
from stratoscope.clouds.openstack.client.fields import GIB, Id, size
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, Query
from stratoscope.clouds.openstack.other_services.reader import Row, States, if_allowed

_MAGNUM: Final = "container-infrastructure-management"


def _fields(*names: str) -> Query:
    return [*WHOLE_PAGE.items(), *(("fields", name) for name in names)]


_CONDUCTORS_SINCE: Final = "1.49"
"""Ironic's first microversion that lists conductors; 1.8 is the first that allows a choice of fields."""
_WITHOUT_OS: Final = "2.7"
"""Manila's first microversion that spells its paths without `os-`."""

_OCTAVIA_ROLES: Final = frozenset({"load-balancer_global_observer", "load-balancer_admin"})
"""They see all projects' load balancers, but no amphorae."""
_BALANCERS: Final = States(
    "load-balancer",
    "/v2.0/lbaas/loadbalancers",
    {
        "loadbalancers": "provisioning_status",
        "loadbalancers_operating": "operating_status",
        "loadbalancers_admin": "admin_state_up",
    },
    query=_fields("id", "provisioning_status", "operating_status", "admin_state_up"),
)
_AMPHORAE: Final = States(
    "load-balancer", "/v2.0/octavia/amphorae", {"amphorae": "status"}, query=_fields("id", "status")
)


async def _balancers(api: Api, access: Access) -> Sequence[Objects]:
    is_whole = access.is_admin or bool(access.roles & _OCTAVIA_ROLES)
    balancers = await _BALANCERS.count(api, is_whole=is_whole)
    amphorae = _AMPHORAE.count(api, is_whole=is_whole)
    return [
        *balancers,
        *await if_allowed(
            api,
            amphorae,
            [Objects(sort="amphorae", by_state={}, orphans=None, by_project={}, is_whole=False)],
        ),
    ]


_NODES: Final = States(
    "baremetal",
    "/v1/nodes",
    {"nodes": "provision_state", "nodes_power": "power_state", "nodes_maintenance": "maintenance"},
    identity="uuid",
    query={**WHOLE_PAGE, "fields": "uuid,provision_state,power_state,maintenance"},
    version=_CONDUCTORS_SINCE,
    oldest="1.8",
)
_ZONES: Final = States("dns", "/v2/zones", {"zones": "status"})
_ALL_ZONES: Final = States("dns", "/v2/zones", {"zones": "status"}, headers={"X-Auth-All-Projects": "true"})


async def _zones(api: Api, access: Access) -> Sequence[Objects]:
    """A request for all projects' zones is answered 403 without the role admin."""
    return await (_ALL_ZONES if access.is_admin else _ZONES).by_role(api, access)


_STACKS: Final = States("orchestration", "/stacks", {"stacks": "stack_status"})


async def _stacks(api: Api, _access: Access) -> Sequence[Objects]:
    """Heat's default policy refuses a list of all projects' stacks to everybody: then those of the
    credential's project are counted.
    """
    try:
        return await _STACKS.count(api, {"global_tenant": "true"}, is_whole=True)
    except ForbiddenError:
        return await _STACKS.count(api, is_whole=False)


_SHARES: Final[Listing[Any]] = Listing(
    *("shared-file-system", "/shares/detail", "shares", counted_row(size=Any, project_id=Id)),
    version=_WITHOUT_OS,
    oldest=_WITHOUT_OS,
)


async def _shares(api: Api, access: Access) -> Sequence[Objects]:
    """By offset: Manila's list of shares ignores the marker in its own link to the next page."""
    tally, seen, offset = Tally("shares", is_sized=True), set[str](), 0
    while True:
        query = {"all_tenants": "1", "offset": str(offset)}  # without `limit`: with it comes the link
        async with aclosing(api.pages(_SHARES, query)) as pages:
            page = await anext(pages)
        new = [share for share in page.items if share.id not in seen]
        if new or not page.items:  # else it ignores the offset
            tally.malformed += page.malformed
        if not new:
            return [tally.objects(is_whole=access.is_admin)]
        seen.update(share.id for share in new)
        offset += len(new) + page.malformed
        for share in new:
            tally.add(share.status, share.project_id, size(share.size, GIB))


class _Secrets(msgspec.Struct, frozen=True):
    total: int


async def _secrets(api: Api, _access: Access) -> Sequence[Objects]:
    """No role lists other projects' secrets, and Barbican reports no state. Only one secret is requested."""
    limit = {"limit": "1"}
    secrets = await api.get("key-manager", "/v1/secrets", _Secrets, operation="secrets", params=limit)
    return [
        Objects(
            sort="secrets", by_state={"": Count(secrets.total)}, orphans=None, by_project={}, is_whole=False
        )
    ]


ROWS: Final[Sequence[Row]] = (
    Row(
        name="load_balancer",  # Octavia
        service="load-balancer",
        cost="2, and 1 for each further 1,000 of both",
        role="admin, or load-balancer_global_observer without amphorae; load-balancer_observer: own",
        count=_balancers,
    ),
    Row(
        name="baremetal",  # Ironic
        service="baremetal",
        cost="2, and 1 for each further 1,000 nodes",
        role="admin; any other sees the nodes it owns or leases, and no conductors",
        count=_NODES.by_role,
        agents=AgentList(
            "baremetal",
            "/v1/conductors",
            *("host", "zone", "is_up", "heartbeat"),
            names={"host": "hostname", "zone": "conductor_group"},  # which comes closest to a zone
            binary="ironic-conductor",
            version=_CONDUCTORS_SINCE,
        ),
        agents_query={"fields": "hostname,conductor_group,alive,updated_at"},
        agents_since=_CONDUCTORS_SINCE,
    ),
    Row(
        name="dns",  # Designate
        service="dns",
        cost="2, and 1 for each further 1,000 zones",
        role="admin; any other sees its own project's zones, and no services",
        count=_zones,
        agents=AgentList(
            "dns",
            "/v2/service_statuses",
            *("binary", "host", "state", "heartbeat"),
            names={
                "binary": "service_name",
                "host": "hostname",
                "state": "status",
                "heartbeat": "heartbeated_at",
            },
            binary="designate-{}",
        ),
    ),
    Row(
        name="shared_file_system",  # Manila
        service="shared-file-system",
        cost="3, and 1 for each further 1,000 shares",
        role="admin; any other sees its own project's shares and public ones, and no services",
        count=_shares,
        agents=AgentList(
            "shared-file-system",
            "/services",
            *OS_SERVICES,
            version=_WITHOUT_OS,
            oldest=_WITHOUT_OS,
        ),
    ),
    Row(
        name="orchestration",  # Heat
        service="orchestration",
        cost="2, and 1 for each further 1,000 stacks; 1 more where all stacks are denied",
        role="what Heat's policy names for `stacks:global_index`; any other sees its own stacks",
        count=_stacks,
        agents=AgentList(
            "orchestration",
            "/services",
            *("binary", "host", "state", "heartbeat"),
            names={"state": "status"},
        ),
    ),
    Row(
        name="container_infra",  # Magnum
        service=_MAGNUM,
        cost="2, and 1 for each further 1,000 clusters",
        role="admin; any other sees its own project's clusters, and no conductors",
        count=States(_MAGNUM, "/v1/clusters", {"clusters": "status"}, identity="uuid").by_role,
        agents=AgentList(
            _MAGNUM,
            "/v1/mservices",
            *("binary", "host", "state", "is_disabled", "reason", "heartbeat"),
        ),
    ),
    Row(
        name="key_manager",  # Barbican
        service="key-manager",
        cost="1",
        role="any that may list secrets (creator, observer, admin): its own project's",
        count=_secrets,
    ),
)
"""A service that is not in the catalogue is left out."""


class OtherServices(Reader):
    """A question for each row."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @classmethod
    def questions(cls) -> Sequence[Question]:
        return [row.question for row in ROWS]

    def fetches(self) -> Mapping[str, Fetch]:
        return {row.name: partial(row.read, self._api) for row in ROWS}
