"""Quotas: what services show of them, and whether a project may have more, in Nova's and Cinder's words."""

from collections.abc import Mapping

from stratoscope.demo.openstack.http_request import Json, Request, Response
from stratoscope.demo.world.models import Flavor, Project
from stratoscope.demo.world.seed.catalog import DEFAULT_LIMITS


def limits_of(project: Project | None) -> Mapping[str, int]:
    """Its limits by resource; the defaults for a project that is not known."""
    return DEFAULT_LIMITS if project is None else project.limits


def details(project: Project | None, limits: Mapping[str, int], used: str = "in_use") -> Json:
    """Limit and use by resource. Args: limits: Of the resources. used: How the service calls the use."""
    uses = {} if project is None else project.used
    return {name: {"limit": limit, used: uses.get(name, 0), "reserved": 0} for name, limit in limits.items()}


def absolute(request: Request, names: Mapping[str, tuple[str, str]], fixed: Mapping[str, int]) -> Response:
    """GET /limits of Nova and Cinder, for the caller's project.

    Args:
        names: Of limit and use, by resource.
        fixed: Limits that are the same for all.
    """
    project = request.caller.project
    limits, used = limits_of(project), {} if project is None else project.used
    shown = dict(fixed)
    for resource, (limit, use) in names.items():
        shown |= {use: used.get(resource, 0)} | ({limit: limits[resource]} if limit else {})
    return Response({"limits": {"rate": [], "absolute": shown}})


def exceeded(project: Project, flavor: Flavor, count: int) -> str | None:
    """Nova's message where `count` more VMs of a flavor exceed the quota; None where they do not."""
    much = project.over(flavor.needs(count))
    if much.keys() == {"port"}:
        return "Maximum number of ports exceeded"
    return _over_quota(project, {name: more for name, more in much.items() if name != "port"})


def exceeded_by_resize(project: Project, old: Flavor, new: Flavor) -> str | None:
    """Nova's message where a VM's new flavor exceeds the quota: what it needs more counts alone."""
    wanted = {"cores": new.vcpus - old.vcpus, "ram": new.memory_mib - old.memory_mib}
    return _over_quota(project, project.over({name: more for name, more in wanted.items() if more > 0}))


def exceeded_by_volume(project: Project, size_gib: int) -> str | None:
    """Cinder's message where one more volume of this size exceeds the quota; None where it does not."""
    much = project.over({"gigabytes": size_gib, "volumes": 1})
    if "gigabytes" in much:
        limit, used = project.limits["gigabytes"], project.used["gigabytes"]
        return (
            f"Requested volume or snapshot exceeds allowed gigabytes quota. Requested {size_gib}G, quota is "
            f"{limit}G and {used}G has been consumed."
        )
    limit = project.limits["volumes"]
    return f"Maximum number of volumes allowed ({limit}) exceeded for quota 'volumes'." if much else None


def _over_quota(project: Project, much: dict[str, int]) -> str | None:
    """nova/compute/utils.py, get_over_quota_detail: several resources are joined by commas."""
    if not much:
        return None
    names = ", ".join(much)
    requested = ", ".join(str(more) for more in much.values())
    used = ", ".join(str(project.used[resource]) for resource in much)
    allowed = ", ".join(str(project.limits[resource]) for resource in much)
    return f"Quota exceeded for {names}: Requested {requested}, but already used {used} of {allowed} {names}"
