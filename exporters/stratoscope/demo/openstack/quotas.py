"""Quotas: whether a project may have more, with Nova's and Cinder's messages."""

from collections.abc import Mapping

from stratoscope.demo.openstack.models import Flavor, Project


def exceeded(project: Project, flavor: Flavor, count: int) -> str | None:
    """Nova's message where `count` more VMs of a flavor exceed the quota; None where they do not.

    With `count` 0: for a resize of one VM to the flavor.
    """
    number = max(1, count)
    wanted = {"cores": flavor.vcpus * number, "instances": count, "ram": flavor.memory_mib * number}
    over = _over(project, wanted)
    if over:
        return _over_quota(project, over)
    if 0 <= project.limits["port"] < project.used["port"] + count:
        return "Maximum number of ports exceeded"
    return None


def exceeded_by_resize(project: Project, old: Flavor, new: Flavor) -> str | None:
    """Nova's message where a VM's new flavor exceeds the quota: what it needs more counts alone."""
    wanted = {"cores": new.vcpus - old.vcpus, "ram": new.memory_mib - old.memory_mib}
    over = _over(project, {resource: more for resource, more in wanted.items() if more > 0})
    return _over_quota(project, over) if over else None


def exceeded_by_volume(project: Project, size_gib: int) -> str | None:
    """Cinder's message where one more volume of this size exceeds the quota; None where it does not."""
    over = _over(project, {"gigabytes": size_gib, "volumes": 1})
    if "gigabytes" in over:
        limit, used = project.limits["gigabytes"], project.used["gigabytes"]
        return (
            f"Requested volume or snapshot exceeds allowed gigabytes quota. Requested {size_gib}G, quota is "
            f"{limit}G and {used}G has been consumed."
        )
    if over:
        limit = project.limits["volumes"]
        return f"Maximum number of volumes allowed ({limit}) exceeded for quota 'volumes'."
    return None


def _over(project: Project, wanted: Mapping[str, int]) -> dict[str, int]:
    """What is wanted too much of."""
    return {
        resource: more
        for resource, more in wanted.items()
        if 0 <= project.limits[resource] < project.used[resource] + more
    }


def _over_quota(project: Project, over: dict[str, int]) -> str:
    """nova/compute/utils.py, get_over_quota_detail: several resources are joined by commas."""
    names = ", ".join(over)
    requested = ", ".join(str(more) for more in over.values())
    used = ", ".join(str(project.used[resource]) for resource in over)
    allowed = ", ".join(str(project.limits[resource]) for resource in over)
    return f"Quota exceeded for {names}: Requested {requested}, but already used {used} of {allowed} {names}"
