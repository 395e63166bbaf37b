"""What changes servers: POST /servers, DELETE, and the actions os-start, os-stop and reboot."""

import secrets
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from multidict import CIMultiDict

from stratoscope.demo.openstack.asking import Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.nova.order import Order, read
from stratoscope.demo.openstack.nova.servers import find
from stratoscope.demo.openstack.nova.service import forbidden
from stratoscope.demo.openstack.nova.view import View
from stratoscope.demo.openstack.operations import Operations
from stratoscope.demo.openstack.quotas import exceeded
from stratoscope.demo.openstack.refusals import OF_SCHEDULING, Doom, NamedRefusal
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.things import VM
from stratoscope.demo.openstack.world import World

_WAYS: Final = ("HARD", "Hard", "hard", "SOFT", "Soft", "soft")


class Boots:
    """Attributes: refuse: Asked at each boot whether it is to be refused, and how."""

    def __init__(
        self, world: World, operations: Operations, refuse: Callable[[], NamedRefusal | None]
    ) -> None:
        self._world, self._operations, self.refuse = world, operations, refuse

    def routes(self) -> Iterable[Route]:
        yield Route("POST", "/servers", self._create)
        yield Route("DELETE", "/servers/{server}", self._delete)
        yield Route("POST", "/servers/{server}/action", self._act)

    def _create(self, ask: Ask) -> Answer:
        if "member" not in ask.who.roles:
            raise forbidden("servers:create")
        order = read(ask)
        if (text := exceeded(order.project, order.flavor, order.count)) is not None:
            raise RefusalError(403, text)
        refusal = self.refuse()
        if refusal is not None and refusal.status:
            raise RefusalError(refusal.status, _worded(refusal, order, ""))
        made = [self._boot(order, place, refusal) for place in range(order.count)]
        first = made[0]
        body: Json = {
            "id": first.vm_id,
            "links": View.of(ask).links("servers", first.vm_id),
            "OS-DCF:diskConfig": "MANUAL",
            "security_groups": [{"name": "default"}],
            "adminPass": secrets.token_urlsafe(9),
        }
        location = f"{ask.base}/v2.1/servers/{first.vm_id}"
        return Answer({"server": body}, 202, CIMultiDict({"location": location}))

    def _boot(self, order: Order, place: int, refusal: NamedRefusal | None) -> VM:
        vm = order.vm(self._world, place)
        doom = None
        if refusal is not None:
            text = _worded(refusal, order, vm.vm_id)
            doom = Doom(text, is_of_scheduling=refusal.name in OF_SCHEDULING)
        return self._operations.boots.boot(vm, doom)

    def _delete(self, ask: Ask) -> Answer:
        vm = find(ask)
        self._operations.delete(vm, ask.who.user)
        return Answer(status=204, headers=CIMultiDict({"Content-Type": "application/json"}))

    def _act(self, ask: Ask) -> Answer:
        vm = _find_for_action(ask)
        action, said = _action(ask)
        user = ask.who.user
        if action == "os-start":
            _must_be(vm, "start", "stopped")
            self._operations.start(vm, user)
        elif action == "os-stop":
            _must_be(vm, "stop", "active", "error")
            self._operations.stop(vm, user)
        elif action == "reboot":
            is_hard = _way(said) == "HARD"
            _must_be(
                vm, "reboot", "active", *(("stopped", "paused", "suspended", "error") if is_hard else ())
            )
            self._operations.reboot(vm, hard=is_hard, user=user)
        else:
            raise RefusalError(400, f"There is no such action: {action}")
        return Answer(status=202)


def _worded(refusal: NamedRefusal, order: Order, vm_id: str) -> str:
    """The text with the ids that it speaks of."""
    values = {
        "vm": vm_id,
        "image": order.image.image_id if order.image else "",
        "flavor": order.flavor.flavor_id,
        "network": order.network.network_id if order.network else "",
        "port": "5e9c1b0a-3d43-4c53-a3f5-0a3b2f1d6c11",
        "volume": "0b7d9c62-8f4e-4a0e-9d55-2f1f5cf0a7e3",
        "cores": str(order.flavor.vcpus),
        "ram": str(order.flavor.memory_mib),
        "used": "20",
        "disk": str(order.flavor.disk_gib << 30),
        "size": str((order.image.size or 0) if order.image else 0),
    }
    text = refusal.text
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _find_for_action(ask: Ask) -> VM:
    try:
        return find(ask)
    except RefusalError:
        if ask.args["server"] in ask.world.vms:
            raise
        raise RefusalError(404, f"Instance {ask.args['server']} has no mapping to a cell.") from None


def _action(ask: Ask) -> tuple[str, object]:
    try:
        said = ask.json(dict[str, object])
    except msgspec.DecodeError as error:
        raise RefusalError(400, "Malformed request body") from error
    if len(said) != 1:
        raise RefusalError(400, "Malformed request body")
    return next(iter(said.items()))


def _way(said: object) -> str:
    way = said.get("type") if isinstance(said, dict) else None
    if way not in _WAYS:
        text = f"Invalid input for field/attribute type. Value: {way}. {way!r} is not one of {list(_WAYS)}"
        raise RefusalError(400, text)
    return str(way).upper()


def _must_be(vm: VM, action: str, *states: str) -> None:
    """Refuse an action in a state that does not allow it."""
    if vm.task_state is not None:
        state = f"task_state {vm.task_state}"
    elif vm.vm_state not in states:
        state = f"vm_state {vm.vm_state}"
    else:
        return
    raise RefusalError(409, f"Cannot '{action}' instance {vm.vm_id} while it is in {state}")
