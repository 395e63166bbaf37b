"""Quotas: whether a project may have more, with Nova's and Cinder's messages."""

from stratoscope.demo.world.models import Flavor, Project
from stratoscope.demo.world.quotas import of_vms, of_volume, over


def exceeded(project: Project, flavor: Flavor, count: int) -> str | None:
    """Nova's message where `count` more VMs of a flavor exceed the quota; None where they do not.

    With `count` 0: for a resize of one VM to the flavor.
    """
    much = over(project, of_vms(flavor, count))
    ports = much.pop("port", None)
    if much:
        return _over_quota(project, much)
    return None if ports is None else "Maximum number of ports exceeded"


def exceeded_by_resize(project: Project, old: Flavor, new: Flavor) -> str | None:
    """Nova's message where a VM's new flavor exceeds the quota: what it needs more counts alone."""
    wanted = {"cores": new.vcpus - old.vcpus, "ram": new.memory_mib - old.memory_mib}
    much = over(project, {resource: more for resource, more in wanted.items() if more > 0})
    return _over_quota(project, much) if much else None


def exceeded_by_volume(project: Project, size_gib: int) -> str | None:
    """Cinder's message where one more volume of this size exceeds the quota; None where it does not."""
    much = over(project, of_volume(size_gib))
    if "gigabytes" in much:
        limit, used = project.limits["gigabytes"], project.used["gigabytes"]
        return (
            f"Requested volume or snapshot exceeds allowed gigabytes quota. Requested {size_gib}G, quota is "
            f"{limit}G and {used}G has been consumed."
        )
    if much:
        limit = project.limits["volumes"]
        return f"Maximum number of volumes allowed ({limit}) exceeded for quota 'volumes'."
    return None


def _over_quota(project: Project, much: dict[str, int]) -> str:
    """nova/compute/utils.py, get_over_quota_detail: several resources are joined by commas."""
    names = ", ".join(much)
    requested = ", ".join(str(more) for more in much.values())
    used = ", ".join(str(project.used[resource]) for resource in much)
    allowed = ", ".join(str(project.limits[resource]) for resource in much)
    return f"Quota exceeded for {names}: Requested {requested}, but already used {used} of {allowed} {names}"
