"""Quotas: whether a project may have more, with Nova's messages."""

from stratoscope.demo.openstack.models import Flavor, Project


def exceeded(project: Project, flavor: Flavor, count: int) -> str | None:
    """Nova's message where `count` more VMs of a flavor exceed the quota; None where they do not.

    With `count` 0: for a resize of one VM to the flavor.
    """
    number = max(1, count)
    wanted = {"cores": flavor.vcpus * number, "instances": count, "ram": flavor.memory_mib * number}
    over = {
        resource: more
        for resource, more in wanted.items()
        if 0 <= project.limits[resource] < project.used[resource] + more
    }
    if over:
        return _over_quota(project, over)
    if 0 <= project.limits["port"] < project.used["port"] + count:
        return "Maximum number of ports exceeded"
    return None


def has_room(project: Project, size_gib: int) -> bool:
    """Whether a project may have one more volume of this size."""
    wanted = {"volumes": 1, "gigabytes": size_gib}
    return all(
        project.limits[resource] < 0 or project.used[resource] + more <= project.limits[resource]
        for resource, more in wanted.items()
    )


def _over_quota(project: Project, over: dict[str, int]) -> str:
    """nova/compute/utils.py, get_over_quota_detail: several resources are joined by commas."""
    names = ", ".join(over)
    requested = ", ".join(str(more) for more in over.values())
    used = ", ".join(str(project.used[resource]) for resource in over)
    allowed = ", ".join(str(project.limits[resource]) for resource in over)
    return f"Quota exceeded for {names}: Requested {requested}, but already used {used} of {allowed} {names}"
