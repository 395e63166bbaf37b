"""Servers: lists of them, and one by one."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from stratoscope.demo.openstack.asking import Answer, Ask, RefusalError
from stratoscope.demo.openstack.nova.paging import moment_of, next_link, only, page_of
from stratoscope.demo.openstack.nova.service import forbidden
from stratoscope.demo.openstack.nova.view import View, host_status
from stratoscope.demo.openstack.service import Route, encoded, listed
from stratoscope.demo.openstack.things import STATUSES, VM
from stratoscope.demo.openstack.world import World

Test = Callable[[VM], bool]

_KNOWN: Final = (
    "access_ip_v4", "access_ip_v6", "all_tenants", "auto_disk_config", "availability_zone", "changes-before",
    "changes-since", "config_drive", "created_at", "deleted", "description", "display_description",
    "display_name", "flavor", "host", "hostname", "image", "image_ref", "instance_type_id", "ip", "ip6",
    "kernel_id", "key_name", "launch_index", "launched_at", "limit", "locked", "marker", "name", "node",
    "not-tags", "not-tags-any", "power_state", "progress", "project_id", "ramdisk_id", "reservation_id",
    "root_device_name", "soft_deleted", "sort_dir", "sort_key", "status", "tags", "tags-any", "task_state",
    "tenant_id", "terminated_at", "user_id", "uuid", "vm_state",
)  # fmt: skip
_EQUAL: Final[dict[str, Callable[[VM], str | None]]] = {
    "uuid": lambda vm: vm.vm_id,
    "user_id": lambda vm: vm.user.user_id,
    "project_id": lambda vm: vm.project.project_id,
    "tenant_id": lambda vm: vm.project.project_id,
    "host": lambda vm: vm.host.name if vm.host else None,
    "node": lambda vm: vm.host.name if vm.host else None,
    "flavor": lambda vm: vm.flavor.flavor_id,
    "image": lambda vm: vm.image.image_id if vm.image else None,
    "vm_state": lambda vm: vm.vm_state,
    "task_state": lambda vm: vm.task_state,
    "availability_zone": lambda vm: vm.zone,
    "key_name": lambda vm: vm.key_name,
}
"""Filters that compare."""


class Servers:
    """The lists, and a server."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/servers", self._index)
        yield Route("GET", "/servers/detail", self._detail)
        yield Route("GET", "/servers/{server}", self._show)

    def _index(self, ask: Ask) -> Answer:
        return self._list(ask, "index")

    def _detail(self, ask: Ask) -> Answer:
        return self._list(ask, "detail")

    def _list(self, ask: Ask, how: str) -> Answer:
        page = page_of(ask)
        tests = _tests(ask, how)
        if page.marker and page.marker not in self._world.vms:
            raise RefusalError(400, f"marker [{page.marker}] not found")
        keep = tests[0] if len(tests) == 1 else lambda vm: all(test(vm) for test in tests)
        found = self._world.vms.page(page.limit, page.marker, keep=keep)
        view = View.of(ask)
        if how == "index":
            items = [encoded(view.brief(vm)) for vm in found]
        elif view.is_admin:
            items = [_kept(view, vm) for vm in found]
        else:
            items = [encoded(view.server(vm)) for vm in found]
        more = next_link(ask, "servers", page, [vm.vm_id for vm in found])
        return Answer(listed("servers", items, **more))

    def _show(self, ask: Ask) -> Answer:
        return Answer({"server": View.of(ask, is_alone=True).server(find(ask))})


def find(ask: Ask) -> VM:
    """The server that a path names.

    Raises:
        RefusalError: There is none, or it is none of the caller's.
    """
    vm = ask.world.vms.get(ask.args["server"])
    if vm is None or vm.terminated is not None or not (ask.who.is_admin or ask.who.owns(vm.project)):
        raise RefusalError(404, f"Instance {ask.args['server']} could not be found.")
    return vm


def _kept(view: View, vm: VM) -> bytes:
    """The server as bytes: those that were made before, if nothing has changed."""
    shape = (view.shape, host_status(vm, view.world.now))
    if vm.shown_as != shape:
        vm.shown, vm.shown_as = encoded(view.server(vm)), shape
    return vm.shown


def _tests(ask: Ask, how: str) -> list[Test]:
    """What a server must be like that is listed."""
    only(ask, *_KNOWN)
    since, before = moment_of(ask, "changes-since"), moment_of(ask, "changes-before")
    tests = [_deleted(ask, since=since)]
    if since is not None:
        tests.append(lambda vm: vm.updated >= since)
    if before is not None:
        tests.append(lambda vm: vm.updated <= before)
    if statuses := {status.upper() for status in ask.query.getall("status", ())}:
        if not statuses <= STATUSES and (ask.since(38) or not ask.who.is_admin):
            raise RefusalError(400, "Invalid status value")
        tests.append(lambda vm: vm.status in statuses)
    if name := ask.query.get("name"):
        tests.append(lambda vm: re.search(name, vm.name) is not None)
    tests += [_equal(of, ask.query[name]) for name, of in _EQUAL.items() if name in ask.query]
    if not _all_tenants(ask, how):
        tests.append(lambda vm: ask.who.owns(vm.project))
    return tests


def _equal(value_of: Callable[[VM], str | None], wanted: str) -> Test:
    return lambda vm: value_of(vm) == wanted


def _deleted(ask: Ask, *, since: float | None) -> Test:
    """Deleted ones are in lists of what changed, or where an administrator asks for them alone."""
    if ask.flag("deleted") and ask.who.is_admin:
        return lambda vm: vm.terminated is not None
    if since is not None:
        return lambda _: True
    return lambda vm: vm.terminated is None


def _all_tenants(ask: Ask, how: str) -> bool:
    if not ask.flag("all_tenants"):
        return False
    if not ask.who.is_admin:
        raise forbidden(f"servers:{how}:get_all_tenants")
    return True
