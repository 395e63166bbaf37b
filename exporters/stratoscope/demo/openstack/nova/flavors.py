"""Flavors."""

from collections.abc import Iterable

from stratoscope.demo.openstack.asking import Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.nova.paging import next_link, only, page_of
from stratoscope.demo.openstack.nova.view import View
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.things import Flavor
from stratoscope.demo.openstack.world import World


class Flavors:
    """The lists, and a flavor."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/flavors", self._index)
        yield Route("GET", "/flavors/detail", self._detail)
        yield Route("GET", "/flavors/{flavor}", lambda ask: Answer({"flavor": _whole(ask, self._find(ask))}))
        yield Route("GET", "/flavors/{flavor}/os-extra_specs", self._extra_specs)

    def _index(self, ask: Ask) -> Answer:
        flavors, more = self._page(ask)
        return Answer({"flavors": [_brief(ask, flavor) for flavor in flavors], **more})

    def _detail(self, ask: Ask) -> Answer:
        flavors, more = self._page(ask)
        return Answer({"flavors": [_whole(ask, flavor) for flavor in flavors], **more})

    def _page(self, ask: Ask) -> tuple[list[Flavor], Json]:
        only(ask, "limit", "marker", "is_public", "minRam", "minDisk", "sort_key", "sort_dir")
        page = page_of(ask)
        flavors = [flavor for flavor in self._world.flavors.values() if _is_shown(ask, flavor)]
        ids = [flavor.flavor_id for flavor in flavors]
        if page.marker and page.marker not in ids:
            raise RefusalError(400, f"marker [{page.marker}] not found")
        start = ids.index(page.marker) + 1 if page.marker else 0
        chosen = slice(start, start + page.limit)
        return flavors[chosen], next_link(ask, "flavors", page, ids[chosen])

    def _find(self, ask: Ask) -> Flavor:
        flavor = self._world.flavors.get(ask.args["flavor"])
        if flavor is None or not (flavor.is_public or ask.who.is_admin):
            raise RefusalError(404, f"Flavor {ask.args['flavor']} could not be found.")
        return flavor

    def _extra_specs(self, ask: Ask) -> Answer:
        return Answer({"extra_specs": self._find(ask).extra_specs})


def _is_shown(ask: Ask, flavor: Flavor) -> bool:
    """Public ones, unless an administrator asks for others."""
    wanted = ask.query.get("is_public", "").lower()
    if not ask.who.is_admin or not wanted:
        return flavor.is_public
    return wanted == "none" or flavor.is_public is ask.flag("is_public")


def _brief(ask: Ask, flavor: Flavor) -> Json:
    shown: Json = {
        "id": flavor.flavor_id,
        "name": flavor.name,
        "links": View.of(ask).links("flavors", flavor.flavor_id),
    }
    return shown | ({"description": None} if ask.since(55) else {})


def _whole(ask: Ask, flavor: Flavor) -> Json:
    shown: Json = {
        "id": flavor.flavor_id,
        "name": flavor.name,
        "ram": flavor.memory_mib,
        "disk": flavor.disk_gib,
        "swap": 0 if ask.since(75) else "",
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "vcpus": flavor.vcpus,
        "os-flavor-access:is_public": flavor.is_public,
        "rxtx_factor": 1.0,
        "links": View.of(ask).links("flavors", flavor.flavor_id),
    }
    if ask.since(55):
        shown["description"] = None
    if ask.since(61):
        shown["extra_specs"] = flavor.extra_specs
    return shown
