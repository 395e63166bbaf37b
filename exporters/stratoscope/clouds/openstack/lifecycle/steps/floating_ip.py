"""The step `floating_ip`. Sources: Neutron's GET /v2.0/ports, POST /v2.0/floatingips and
GET /v2.0/floatingips/{id}; any role.
"""

from collections.abc import MutableMapping
from typing import Final

import msgspec

from stratoscope.clouds.lifecycle import Object, Phase, RunReason, StepError, Underway
from stratoscope.clouds.openstack.client.fields import PathId, Text
from stratoscope.clouds.openstack.client.listing import Listing, Query, fields_of
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.lifecycle.errors import step_translated
from stratoscope.clouds.openstack.lifecycle.marks import description, mark_in_description
from stratoscope.clouds.openstack.lifecycle.ports import ports_of
from stratoscope.clouds.openstack.lifecycle.requests import found

FLOATING_IP: Final = "floatingip"
"""The kind of its Object."""
SERVICE: Final = "network"
PATH: Final = "/v2.0/floatingips"


class FloatingIP(msgspec.Struct, frozen=True, rename={"address": "floating_ip_address"}):
    """One of `floatingips`; it has no name."""

    id: PathId
    status: Text = ""
    description: Text | None = None
    address: Text = ""

    @property
    def object(self) -> Object:
        mark = mark_in_description(self.description or "")
        return Object(FLOATING_IP, self.id, mark.name if mark else "", mark)


class FloatingIPAnswer(msgspec.Struct, frozen=True):
    floatingip: FloatingIP

    @property
    def item(self) -> FloatingIP:
        return self.floatingip


FLOATING_IPS: Final = Listing(SERVICE, PATH, "floatingips", FloatingIP)


def query(tag: str, project_id: str) -> Query:  # noqa: ARG001 - Neutron filters by no part of a description
    """For the list: administrators see those of all projects."""
    return [*fields_of(FloatingIP), ("project_id", project_id)]


class AddingFloatingIP:
    """Implements Step: the VM's port has a floating IP, which its router knows."""

    phase: Phase = Phase.FLOATING_IP
    creates: str = FLOATING_IP
    is_before_request: bool = False
    seen: str = ""

    def __init__(self, api: Session, addresses: MutableMapping[str, str]) -> None:
        """Args: addresses: Of floating IPs, by the VM's id; the step adds the one that it creates."""
        self._api, self._addresses = api, addresses

    async def begin(self, run: Underway) -> Object:
        with step_translated(RunReason.NETWORK):
            ports = await ports_of(self._api, run.vm_id)
            if not ports:
                raise StepError(RunReason.NETWORK, "the VM has no port")
            wanted = {
                "floating_network_id": run.resolved.plan.floating_network_id,
                "port_id": ports[0].id,
                "description": description(run.mark),
            }
            answer = await self._api.change(
                "POST",
                SERVICE,
                PATH,
                FloatingIPAnswer,
                operation="floatingip_create",
                body={"floatingip": wanted},
            )
        self._addresses[run.vm_id] = answer.floatingip.address
        return Object(FLOATING_IP, answer.floatingip.id, run.mark.name, run.mark)

    async def has_ended(self, run: Underway) -> bool:
        one = run.objects[Phase.FLOATING_IP]
        with step_translated(RunReason.NETWORK):
            answer = await found(self._api, SERVICE, PATH, one.id, FloatingIPAnswer, "floatingip")
        if answer is None:
            raise StepError(RunReason.NETWORK, "the floating IP has disappeared, not by the probe")
        if answer.floatingip.status == "ERROR":
            raise StepError(RunReason.NETWORK, "the floating IP is in the state ERROR")
        self.seen = f"the floating IP is {answer.floatingip.status}"
        return answer.floatingip.status == "ACTIVE"
