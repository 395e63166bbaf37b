"""VMs on OpenStack as the ability Lifecycle has them; any role, `hosts` needs an administrator's."""

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Step
from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.lifecycle import NAME_PREFIX, Object, Resolved, RunReason, Seen, StepError, Underway
from stratoscope.clouds.openstack.client.fields import Id, Text, segment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, fields_of
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.lifecycle import server
from stratoscope.clouds.openstack.lifecycle.description import NO_NETWORK, Description
from stratoscope.clouds.openstack.lifecycle.errors import refused_reason, translated
from stratoscope.clouds.openstack.lifecycle.quota import check_quota
from stratoscope.clouds.openstack.lifecycle.resolve import resolve

_PORT: Final = "port"
_PATHS: Final = {server.SERVER: ("compute", "/servers"), _PORT: ("network", "/v2.0/ports")}
"""By kind of object: its service, and where its objects are."""
_UP: Final = "ACTIVE"


class _Port(msgspec.Struct, frozen=True):
    id: Id
    name: Text = ""
    status: Text = ""


class _Compute(msgspec.Struct, frozen=True):
    host: Text
    status: Text
    state: Text
    zone: Text | None = None


_PORTS: Final = Listing("network", "/v2.0/ports", "ports", _Port)
_COMPUTES: Final = Listing("compute", "/os-services", "services", _Compute)


class OpenStackVMs:
    """Implements Lifecycle."""

    def __init__(self, session: Session, described: Description, budget: Budget) -> None:
        self.vm_kind: str = server.SERVER
        self.budget, self.credential = budget, described.credential
        self.steps: Sequence[Step] = ()
        self._session, self._described = session, described
        self._networked: set[str] = set()
        self._zones: Mapping[str, str] = {}

    def at(self, host: str) -> "OpenStackVMs":  # noqa: ARG002 - nothing depends on it before the request
        return self

    async def authenticate(self) -> None:
        with translated():
            access = await self._session.log_in()
        if not access.project_id:
            what = f"the token is for {access.scope}; a VM needs a project: set project_name in clouds.yaml"
            raise StepError(RunReason.AUTH, what)

    async def resolve(self) -> Resolved:
        with translated():
            return await resolve(self._session, self._described)

    async def check_quota(self, resolved: Resolved) -> None:
        with translated():
            await check_quota(self._session, resolved.plan)

    async def request(self, run: Underway, host: str = "") -> str:
        """As Lifecycle has it. After 401 and 429 it was not carried out, and is sent again.

        A host is requested together with its zone, if `hosts` has named it: Nova would look for it in the
        zone that it takes by default.
        """
        with translated():
            knows = {one: await self._session.knows("compute", one) for one in server.VERSIONS}
        zone = self._described.zone or self._zones.get(host, "")
        body = server.body(self._described, run.resolved.plan, run.mark, server.Place(zone, host), knows)
        with translated(refused_reason):
            answer = await self._session.change(
                "POST",
                "compute",
                "/servers",
                server.AcceptedAnswer,
                operation="server_create",
                body=body,
                version=server.VERSION,
            )
        return answer.server.id

    async def see(self, vm_id: str) -> Seen | None:
        """As Lifecycle has it. Once it has an address its ports are read, too, until Neutron says that all
        are up."""
        with translated():
            one = await self._server(vm_id)
            if one is None:
                self._networked.discard(vm_id)
                return None
            addresses = tuple(address.addr for of_network in one.addresses.values() for address in of_network)
            return Seen(
                one.status,
                one.host or one.host_id or "",
                is_networked=await self._is_networked(vm_id, has_address=bool(addresses)),
                is_built=one.is_built,
                fault=one.failure,
                addresses=addresses,
            )

    async def delete(self, one: Object) -> None:
        self._networked.discard(one.id)
        service, path = _PATHS[one.kind]
        with translated():
            try:
                await self._session.change(
                    "DELETE", service, f"{path}/{segment(one.id)}", NoneType, operation=f"{one.kind}_delete"
                )
            except NotThereError as error:
                _check_gone(one.id, error)

    async def left(self, vm_id: str, objects: Sequence[Object] = ()) -> Sequence[Object]:  # noqa: ARG002 - no step creates one
        with translated():
            one = await self._server(vm_id)
            ports = [Object(_PORT, port.id, port.name) for port in await self._ports(vm_id)]
        return ports if one is None else [one.object, *ports]

    async def owned(self, tag: str) -> Sequence[Object]:
        """The servers of the project that carry the tag. Nova filters by the name, not by metadata."""
        with translated():
            servers, _ = await self._session.items(server.SERVERS, {**WHOLE_PAGE, "name": f"^{NAME_PREFIX}"})
        return [one.object for one in servers if one.mark is not None and one.mark.tag == tag]

    async def hosts(self) -> Sequence[str]:
        """The computes of the zone that are up and enabled; none if the credential may not know them."""
        with translated():
            try:
                computes, _ = await self._session.items(_COMPUTES, {"binary": "nova-compute"})
            except ForbiddenError:
                return ()
        usable = [one for one in computes if (one.status, one.state) == ("enabled", "up")]
        self._zones = {one.host: one.zone or "" for one in usable}
        return sorted(host for host, zone in self._zones.items() if self._described.zone in ("", zone))

    @property
    def clock_skew_s(self) -> float | None:
        """To half a second: Nova's by the header `Date`, without that Keystone's by its tokens."""
        return self._session.skew.of("compute", "identity")

    async def _server(self, vm_id: str) -> server.Server | None:
        """None for one that is gone."""
        path = f"/servers/{segment(vm_id)}"
        try:
            return (await self._session.get("compute", path, server.ServerAnswer, operation="server")).server
        except NotThereError as error:
            _check_gone(vm_id, error)
            return None

    async def _ports(self, vm_id: str) -> Sequence[_Port]:
        ports, _ = await self._session.items(_PORTS, [*fields_of(_Port), ("device_id", vm_id)])
        return ports

    async def _is_networked(self, vm_id: str, *, has_address: bool) -> bool:
        if self._described.network == NO_NETWORK or vm_id in self._networked:
            return True
        if not has_address:
            return False
        ports = await self._ports(vm_id)
        is_up = bool(ports) and all(port.status == _UP for port in ports)
        if is_up:
            self._networked.add(vm_id)
        return is_up


def _check_gone(one: str, error: NotThereError) -> None:
    """Raise a 404 again unless its words name the object: a gateway's says nothing of what exists."""
    if one not in str(error):
        raise error
