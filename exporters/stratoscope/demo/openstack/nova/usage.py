"""What projects have used: os-simple-tenant-usage."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from stratoscope.demo.openstack.asking import Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.nova.paging import next_link, only, page_of
from stratoscope.demo.openstack.nova.service import administrators
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.texts import micro, micro_or_none
from stratoscope.demo.openstack.things import VM
from stratoscope.demo.openstack.world import World

_PAGED_SINCE: Final = 40
_HOUR_S: Final = 3600.0
_FORMATS: Final = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f")


class Usage:
    """Hours of what VMs had in a time."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/os-simple-tenant-usage", self._all)
        yield Route("GET", "/os-simple-tenant-usage/{project}", self._one)

    def _all(self, ask: Ask) -> Answer:
        administrators(ask, "os-simple-tenant-usage:list")
        only(ask, "start", "end", "detailed", "limit", "marker")
        vms, more = self._page(ask, None)
        by_project: dict[str, list[VM]] = {}
        for vm in vms:
            by_project.setdefault(vm.project.project_id, []).append(vm)
        is_detailed = ask.query.get("detailed") == "1"
        shown = [_tenant(ask, one, theirs, is_detailed=is_detailed) for one, theirs in by_project.items()]
        return Answer({"tenant_usages": shown, **more})

    def _one(self, ask: Ask) -> Answer:
        wanted = ask.args["project"]
        if wanted != ask.who.project_id:
            administrators(ask, "os-simple-tenant-usage:show")
        vms, more = self._page(ask, wanted)
        return Answer({"tenant_usage": _tenant(ask, wanted, vms, is_detailed=True) if vms else {}, **more})

    def _page(self, ask: Ask, project_id: str | None) -> tuple[list[VM], Json]:
        start, end = _moment(ask, "start"), _moment(ask, "end")
        vms = [
            vm
            for vm in self._world.vms
            if vm.launched is not None
            and vm.launched <= end
            and (vm.terminated is None or vm.terminated >= start)
            and project_id in (None, vm.project.project_id)
        ]
        if not ask.since(_PAGED_SINCE):
            return vms, {}
        page = page_of(ask)
        ids = [vm.vm_id for vm in vms]
        if page.marker and page.marker not in ids:
            raise RefusalError(400, f"marker [{page.marker}] not found")
        start_at = ids.index(page.marker) + 1 if page.marker else 0
        chosen = slice(start_at, start_at + page.limit)
        key = "tenant_usages" if project_id is None else "tenant_usage"
        return vms[chosen], next_link(ask, key, page, ids[chosen])


def _tenant(ask: Ask, project_id: str, vms: Iterable[VM], *, is_detailed: bool) -> Json:
    start, end = _moment(ask, "start"), _moment(ask, "end")
    usages = [(vm, _hours(vm, start, end)) for vm in vms]
    shown: Json = {"tenant_id": project_id}
    if is_detailed:
        shown["server_usages"] = [_server(vm, hours, ask.now) for vm, hours in usages]
    return shown | {
        "total_local_gb_usage": float(sum(hours * vm.flavor.disk_gib for vm, hours in usages)),
        "total_vcpus_usage": float(sum(hours * vm.flavor.vcpus for vm, hours in usages)),
        "total_memory_mb_usage": float(sum(hours * vm.flavor.memory_mib for vm, hours in usages)),
        "total_hours": float(sum(hours for _, hours in usages)),
        "start": micro(start),
        "stop": micro(end),
    }


def _hours(vm: VM, start: float, end: float) -> float:
    until = end if vm.terminated is None else min(end, vm.terminated)
    return max(0.0, until - max(start, vm.launched or until)) / _HOUR_S


def _server(vm: VM, hours: float, now: float) -> Json:
    return {
        "hours": hours,
        "flavor": vm.flavor.name,
        "instance_id": vm.vm_id,
        "name": vm.name,
        "tenant_id": vm.project.project_id,
        "memory_mb": vm.flavor.memory_mib,
        "local_gb": vm.flavor.disk_gib,
        "vcpus": vm.flavor.vcpus,
        "started_at": micro_or_none(vm.launched),
        "ended_at": micro_or_none(vm.terminated),
        "state": "terminated" if vm.terminated else vm.vm_state,
        "uptime": round((vm.terminated or now) - (vm.launched or now)),
    }


def _moment(ask: Ask, name: str) -> float:
    said = ask.query.get(name)
    if said is None:
        return ask.now
    for form in _FORMATS:
        try:
            return datetime.strptime(said, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    raise RefusalError(400, "Invalid start time. The start time cannot occur after the end time.")
