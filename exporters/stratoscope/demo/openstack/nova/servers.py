"""Nova's servers: lists and single ones."""

import re
from collections.abc import Callable
from typing import Final

from stratoscope.demo.openstack.http_request import HttpError, Request, Response
from stratoscope.demo.openstack.nova import view
from stratoscope.demo.openstack.nova.paging import moment_of, next_link, only, page_of, unknown_marker
from stratoscope.demo.openstack.service import Route, cached, encoded, listed
from stratoscope.demo.world.models import STATUSES, VM

Test = Callable[[VM], bool]

_EQUAL: Final[dict[str, Callable[[VM], str | None]]] = {
    "project_id": lambda vm: vm.project.id,
    "tenant_id": lambda vm: vm.project.id,
    "user_id": lambda vm: vm.user.id,
    "host": lambda vm: vm.host.name if vm.host else None,
    "vm_state": lambda vm: vm.vm_state,
}
"""Filters by equality."""
_KNOWN: Final = (
    *_EQUAL, "all_tenants", "changes-before", "changes-since", "deleted", "limit", "marker", "name", "status",
)  # fmt: skip


def _index(request: Request) -> Response:
    return _list(request, "index", lambda vm: encoded(view.brief(request, vm)))


def _detail(request: Request) -> Response:
    if not request.caller.is_admin:
        return _list(request, "detail", lambda vm: encoded(view.server(request, vm)))
    shape, now = view.view_of(request), request.now

    def shown(vm: VM) -> bytes:
        return cached(vm, (shape, view.host_status(vm, now)), lambda: view.server(request, vm))

    return _list(request, "detail", shown)


def _list(request: Request, rule: str, shown: Callable[[VM], bytes]) -> Response:
    page, vms = page_of(request), request.world.vms
    tests = _tests(request, rule)
    if page.marker and page.marker not in vms:
        raise unknown_marker(page.marker)
    keep = tests[0] if len(tests) == 1 else lambda vm: all(test(vm) for test in tests)
    found = vms.page(page.limit, page.marker, keep=keep)
    more = next_link(request, "servers", page, [vm.id for vm in found])
    return Response(listed("servers", [shown(vm) for vm in found], more))


def _show(request: Request) -> Response:
    return Response({"server": view.alone(request, find(request))})


ROUTES: Final = (
    Route("GET", "/servers", _index),
    Route("GET", "/servers/detail", _detail),
    Route("GET", "/servers/{server}", _show),
)


def find(request: Request) -> VM:
    """The server in the path. Raises HttpError for an unknown one and for one of another project."""
    vm = request.world.vms.get(request.args["server"])
    caller = request.caller
    if vm is None or vm.terminated is not None or not (caller.is_admin or caller.owns(vm.project)):
        raise HttpError(404, f"Instance {request.args['server']} could not be found.")
    return vm


def must_be(vm: VM, action: str, *states: str) -> None:
    """Raise HttpError where the VM's state does not allow an action."""
    if vm.task_state is not None:
        state = f"task_state {vm.task_state}"
    elif vm.vm_state not in states:
        state = f"vm_state {vm.vm_state}"
    else:
        return
    raise HttpError(409, f"Cannot '{action}' instance {vm.id} while it is in {state}")


def _tests(request: Request, rule: str) -> list[Test]:
    """The tests that a server of the list passes."""
    only(request, *_KNOWN)
    since, before = moment_of(request, "changes-since"), moment_of(request, "changes-before")
    tests = [_deleted(request, since=since)]
    if since is not None:
        tests.append(lambda vm: vm.updated >= since)
    if before is not None:
        tests.append(lambda vm: vm.updated <= before)
    if statuses := {status.upper() for status in request.query.getall("status", ())}:
        if not statuses <= STATUSES and (request.since(38) or not request.caller.is_admin):
            raise HttpError(400, "Invalid status value")
        tests.append(lambda vm: vm.status in statuses)
    if name := request.query.get("name"):
        tests.append(lambda vm: re.search(name, vm.name) is not None)
    tests += [_equal(of, request.query[name]) for name, of in _EQUAL.items() if name in request.query]
    if request.flag("all_tenants"):
        request.only_admin(f"servers:{rule}:get_all_tenants")
    else:
        tests.append(lambda vm: request.caller.owns(vm.project))
    return tests


def _equal(value_of: Callable[[VM], str | None], wanted: str) -> Test:
    return lambda vm: value_of(vm) == wanted


def _deleted(request: Request, *, since: float | None) -> Test:
    """Deleted servers are in lists of changes, and where an administrator requests only them."""
    if request.flag("deleted") and request.caller.is_admin:
        return lambda vm: vm.terminated is not None
    if since is not None:
        return lambda _: True
    return lambda vm: vm.terminated is None
