"""A server as Nova shows it, and the lists of servers."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from stratoscope.demo.openstack.collection import Collection, Test
from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.texts import changes_since, ipv4, moment, shown
from stratoscope.demo.world.models import VM, Flavor, Port

_EMBEDS_FLAVORS: Final = 47


def _brief(_: Request, vm: VM) -> Json:
    """A server in a list without details."""
    return shown(vm, "id", "name")


def server(request: Request, vm: VM) -> Json:
    """A server in a list with details, or by itself."""
    # A server in ERROR without a host has no zone; during the boot it has the requested one.
    zone = vm.host.zone if vm.host else ("" if vm.vm_state == "error" else vm.zone)
    host = vm.host.name if vm.host else None
    fields: Json = {
        **shown(vm, "id", "name", "status", "metadata", "key_name"),
        "tenant_id": vm.project.id,
        "user_id": vm.user.id,
        "hostId": hashlib.sha224(f"{vm.project.id}{host}".encode()).hexdigest() if host else "",
        "image": "" if vm.image is None else {"id": vm.image.id},
        "flavor": _flavor(request, vm.flavor),
        "created": moment(vm.created),
        "updated": moment(vm.updated),
        "addresses": {port.subnet.network.name: _addresses(port, request.now) for port in vm.ports},
        "OS-EXT-AZ:availability_zone": zone,
        "OS-EXT-STS:task_state": vm.task_state,
        "OS-EXT-STS:vm_state": vm.vm_state,
        "os-extended-volumes:volumes_attached": [{"id": volume.id} for volume in vm.volumes],
    }
    if request.caller.is_admin:
        fields["OS-EXT-SRV-ATTR:host"] = host
    if vm.fault is not None and vm.status in ("ERROR", "DELETED"):
        names = ("code", "message", "details") if request.caller.is_admin else ("code", "message")
        fields["fault"] = {**shown(vm.fault, *names), "created": moment(vm.fault.created)}
    return fields


def _flavor(request: Request, flavor: Flavor) -> Json:
    if not request.since(_EMBEDS_FLAVORS):
        return {"id": flavor.id}
    sizes = shown(flavor, "vcpus", ram="memory_mib", disk="disk_gib", original_name="name")
    return {**sizes, "ephemeral": 0, "swap": 0}


def _addresses(port: Port, now: float) -> list[Json]:
    """The fixed address, then the floating one once Nova knows it."""
    by_kind = {"fixed": port}
    if port.floating_ip is not None and port.floating_ip.active_from <= now:
        by_kind["floating"] = port.floating_ip.own
    return [
        {"addr": ipv4(one.subnet.first + one.offset), "OS-EXT-IPS:type": kind}
        for kind, one in by_kind.items()
    ]


def find(request: Request) -> VM:
    """The server in the path. Raises HttpError for an unknown one and for one of another project."""
    vm = request.world.vms.get(request.args["server"])
    if vm is None or vm.terminated is not None or not request.caller.sees(vm.project):
        raise HttpError(404, f"Instance {request.args['server']} could not be found.")
    return vm


def _show(request: Request) -> Response:
    return Response({"server": server(request, find(request))})


def _tests(request: Request) -> Iterable[Test[VM]]:
    """The tests that a server of a list passes; deleted servers are in lists of changes alone."""
    if request.flag("all_tenants"):
        request.only_admin("servers:detail:get_all_tenants")
    else:
        yield lambda vm: request.caller.owns(vm.project)
    since = changes_since(request)
    if since is None:
        yield lambda vm: vm.terminated is None
    else:
        yield lambda vm: vm.updated >= since
    if name := request.query.get("name"):
        yield lambda vm: re.search(name, vm.name) is not None


_DETAIL: Final = Collection(
    "/v2.1/servers/detail",
    lambda world: world.vms,
    server,
    filters={"status": lambda vm: vm.status},
    tests=_tests,
    tested=frozenset({"changes-since", "name"}),
    is_cached=True,
)
ROUTES: Final = (
    _DETAIL.route,
    replace(_DETAIL, path="/v2.1/servers", view=_brief, is_cached=False).route,
    Route("GET", "/v2.1/servers/{server}", _show),
)
