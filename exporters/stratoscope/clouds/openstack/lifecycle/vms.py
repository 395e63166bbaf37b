"""VMs on OpenStack as the ability Lifecycle has them; any role, `hosts` needs an administrator's."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Step
from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.lifecycle import (
    NAME_PREFIX,
    Object,
    Owned,
    Resolved,
    RunReason,
    Seen,
    StepError,
    Underway,
)
from stratoscope.clouds.openstack.client.fields import Id, Text
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.lifecycle import server
from stratoscope.clouds.openstack.lifecycle.description import NO_NETWORK, Description
from stratoscope.clouds.openstack.lifecycle.errors import refused_reason, translated
from stratoscope.clouds.openstack.lifecycle.objects import delete, marked, still_there
from stratoscope.clouds.openstack.lifecycle.ports import ports_of
from stratoscope.clouds.openstack.lifecycle.quota import check_quota
from stratoscope.clouds.openstack.lifecycle.requests import server_of
from stratoscope.clouds.openstack.lifecycle.resolve import resolve
from stratoscope.clouds.openstack.lifecycle.scheduling import Scheduling
from stratoscope.clouds.openstack.lifecycle.steps.table import KINDS, steps


class _Compute(msgspec.Struct, frozen=True):
    host: Id
    status: Text
    state: Text
    zone: Text | None = None


_COMPUTES: Final = Listing("compute", "/os-services", "services", _Compute)


class OpenStackVMs:
    """Implements Lifecycle."""

    def __init__(
        self, session: Session, described: Description, budget: Budget, created: set[str] | None = None
    ) -> None:
        """Args: created: The kinds of objects that steps of this credential create, of all descriptions."""
        self.vm_kind: str = server.SERVER
        self.budget, self.credential = budget, described.credential
        self._floating: dict[str, str] = {}
        self.steps: Sequence[Step] = [*steps(session, described, self._floating)]
        self._session, self._described = session, described
        self._created = set[str]() if created is None else created
        self._created |= {step.creates for step in self.steps if step.creates}
        self._scheduling = Scheduling(session)
        self._networked_id = ""
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
            await check_quota(self._session, resolved.plan, self._described)

    async def request(self, run: Underway, host: str = "") -> str:
        """As Lifecycle has it. After 401 and 429 it was not carried out, and is sent again.

        A host is requested together with its zone, if `hosts` has named it: Nova would look for it in the
        zone that it takes by default.
        """
        with translated():
            knows = {one: await self._session.knows("compute", one) for one in server.VERSIONS}
        zone = self._described.zone or self._zones.get(host, "")
        body = server.body(self._described, run, server.Place(zone, host), knows)
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
        are up; while it has no host for long, its actions (see scheduling.py)."""
        with translated():
            one = await server_of(self._session, vm_id)
            if one is None:
                self._floating.pop(vm_id, None)
                return None
            addresses = self._addresses(one)
            return Seen(
                one.status,
                one.host or one.host_id or "",
                is_scheduled=await self._scheduling.is_over(one),
                is_networked=await self._is_networked(vm_id, has_address=bool(addresses)),
                is_built=one.is_built,
                fault=one.failure,
                addresses=addresses,
            )

    async def delete(self, one: Object) -> None:
        self._floating.pop(one.id, None)
        with translated():
            await delete(self._session, one)

    async def left(self, vm_id: str, objects: Sequence[Object] = ()) -> Sequence[Object]:
        with translated():
            one = await server_of(self._session, vm_id) if vm_id else None
            ports = await ports_of(self._session, vm_id)
            created = await still_there(self._session, objects)
        return [*([one.object] if one else []), *(port.object for port in ports), *created]

    async def owned(self, tag: str, kinds: Collection[str] = ()) -> Owned:
        """The project's servers that carry the tag, and the objects of these kinds and those of steps.

        Nova filters by the name, not by metadata. A service is asked only if a description of the credential
        has a step that creates something there, or if one of the kinds is its own.
        """
        with translated():
            servers, _ = await self._session.items(server.SERVERS, {**WHOLE_PAGE, "name": f"^{NAME_PREFIX}"})
        ours = [one.object for one in servers if one.mark is not None and one.mark.tag == tag]
        failed: dict[str, StepError] = {}
        for kind in sorted(self._created | {*kinds} & KINDS.keys()):
            try:
                with translated():
                    ours += await marked(self._session, tag, kind)
            except StepError as error:
                failed[kind] = error
        return Owned(ours, failed)

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

    def _addresses(self, one: server.Server) -> Sequence[str]:
        """Those of a server. Its floating IP comes first, though Nova may show it much later."""
        floating = [self._floating[one.id]] if one.id in self._floating else []
        return tuple(dict.fromkeys([*floating, *one.all_addresses]))

    async def _is_networked(self, vm_id: str, *, has_address: bool) -> bool:
        if self._described.network == NO_NETWORK or vm_id == self._networked_id:
            return True
        if not has_address:
            return False
        ports = await ports_of(self._session, vm_id)
        is_up = bool(ports) and all(port.is_up for port in ports)
        if is_up:
            self._networked_id = vm_id
        return is_up
