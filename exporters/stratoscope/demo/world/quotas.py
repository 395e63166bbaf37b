"""Quotas: of what a project would have too much. -1 is no limit."""

from collections.abc import Mapping

from stratoscope.demo.world.models import Flavor, Project


def over(project: Project, wanted: Mapping[str, int]) -> dict[str, int]:
    """What is wanted too much of."""
    return {
        resource: more
        for resource, more in wanted.items()
        if 0 <= project.limits[resource] < project.used[resource] + more
    }


def of_vms(flavor: Flavor, count: int) -> dict[str, int]:
    """What `count` more VMs of a flavor need; with 0: what a resize of one VM to the flavor may need."""
    number = max(1, count)
    return {
        "cores": flavor.vcpus * number,
        "instances": count,
        "ram": flavor.memory_mib * number,
        "port": count,
    }


def of_volume(size_gib: int) -> dict[str, int]:
    return {"gigabytes": size_gib, "volumes": 1}
