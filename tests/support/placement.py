"""A Placement beside the Nova that it was recorded with, for tests."""

from typing import Any

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.openstack.compute.hypervisors import Hypervisors
from stratoscope.clouds.openstack.compute.servers import Servers
from stratoscope.clouds.openstack.placement.capacity import Capacity
from stratoscope.clouds.openstack.placement.inventories import Placement
from stratoscope.clouds.openstack.placement.providers import Providers
from support.fake_api import Answer, FakeApi
from support.openstack_answers import answer
from support.owners import owners

FAKE1 = "8bff9f1b-1c0e-4030-a5e0-32f3bcf08234"
FAKE2 = "e2f8f2f9-f31b-47fe-8f30-f8d1b43935c0"
FAKE3 = "4c90bb77-4ee3-4d14-9e98-0b2ebbb825c3"
FAKE4 = "5481b32c-f596-4904-a812-5ccb89e51f6a"
HOSTS = {FAKE1: "fake1", FAKE2: "fake2", FAKE3: "fake3", FAKE4: "fake4"}
SIZES = {
    FAKE1: (64, 262144, 4096),
    FAKE2: (64, 262144, 4096),
    FAKE3: (10, 8192, 1028),
    FAKE4: (1000, 800000, 600000),
}


def inventories(uuid: str, generation: int = 0) -> dict[str, Any]:
    """As recorded of fake1, with the sizes of this host."""
    body = answer("fake1_inventories")
    for name, total in zip(("VCPU", "MEMORY_MB", "DISK_GB"), SIZES[uuid], strict=True):
        body["inventories"][name] |= {"total": total, "max_unit": total}
    return body | {"resource_provider_generation": generation or generation_of(uuid)}


def generation_of(uuid: str) -> int:
    rows = answer("resource_providers")["resource_providers"]
    return next(int(row["generation"]) for row in rows if row["uuid"] == uuid)


def changed_rows(*uuids: str, by: int = 1) -> dict[str, Any]:
    """The list of providers, with these changed since."""
    body = answer("resource_providers")
    for row in body["resource_providers"]:
        row["generation"] += by if row["uuid"] in uuids else 0
    return body


def usages(uuid: str, generation: int = 0, **used: int) -> dict[str, Any]:
    return {"usages": used, "resource_provider_generation": generation or generation_of(uuid)}


class Cloud:
    """All that Placement's readers need.

    Attributes:
        now: Unix seconds; ahead_s: how far the wall clock is ahead of them.
    """

    def __init__(self, **changed: Answer) -> None:
        """Args: changed: Answers by their file."""
        names = {
            "hypervisors": ("compute", "/os-hypervisors/detail"),
            "compute_services": ("compute", "/os-services"),
            "flavors": ("compute", "/flavors/detail"),
            "aggregates": ("compute", "/os-aggregates"),
            "resource_providers": ("placement", "/resource_providers"),
            "allocation_candidates": ("placement", "/allocation_candidates"),
        }
        self.now, self.ahead_s = 1_800_000_000.0, 0.0
        clock = Clock(monotonic=lambda: self.now, now=lambda: self.now + self.ahead_s)
        self.api = FakeApi({path: changed.get(name, answer(name)) for name, path in names.items()})
        for uuid in HOSTS:
            self.api.answers["placement", f"/resource_providers/{uuid}/inventories"] = inventories(uuid)
        self.servers = Servers(self.api, owners())
        self.providers = Providers()
        self.hypervisors = Hypervisors(self.api, self.servers, self.providers, clock)
        self.placement = Placement(self.api, self.hypervisors, clock)
        self.capacity = Capacity(self.api, self.hypervisors, self.placement, clock)

    def part(self, uuid: str, part: str, body: Answer) -> None:
        """What is answered for a part of a provider."""
        self.api.answers["placement", f"/resource_providers/{uuid}/{part}"] = body

    def asked(self) -> list[str]:
        """Parts of providers that were asked for since the last time, by host."""
        paths = [
            call.path.split("/") for call in self.api.calls if call.path.startswith("/resource_providers/")
        ]
        self.api.calls.clear()
        return [f"{HOSTS.get(path[2], path[2])} {path[3]}" for path in paths]
