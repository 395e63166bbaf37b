"""Whether user and group have room for the VM. Sources: `user.info`, `group.info`; any user.

A quota of -1 is that of all users or groups, -2 is none. Quotas of single clusters are left to oned: which
cluster the VM comes to, the scheduler decides later.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.lifecycle import RunReason, StepError
from stratoscope.clouds.opennebula.client.items import Element, fields
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.opennebula.lifecycle.calls import decoded
from stratoscope.clouds.opennebula.lifecycle.resolve import Plan

Key: TypeAlias = tuple[str, str, str]
"""Section, id of the object in it ("" for VMs), resource."""

_DEFAULT: Final = -1.0
_ONEADMIN: Final = "0"
_SECTIONS: Final = ("VM", "NETWORK", "IMAGE")


async def check_quota(pools: Pools, plan: Plan) -> None:
    """Raise StepError `quota`, with each quota that has no room. Raises as Pools."""
    needs = _needs(plan)
    user = await pools.one("user.info", -1)
    is_oneadmin = user.findtext("ID") == _ONEADMIN
    short = [] if is_oneadmin else decoded("user.info", lambda: [*_short("user", user, needs)])
    group_id = user.findtext("GID", "")
    if group_id not in ("", _ONEADMIN):
        try:
            group = await pools.one("group.info", int(group_id))
            short += decoded("group.info", lambda: [*_short("group", group, needs)])
        except (ForbiddenError, NotThereError):  # oned itself checks it when the VM is requested
            pass
    if short:
        raise StepError(RunReason.QUOTA, f"no room in a quota: {'; '.join(short)}")


def _needs(plan: Plan) -> Mapping[Key, float]:
    """What the VM takes, by quota. Memory is in MiB, as quotas are."""
    needs: dict[Key, float] = {("VM", "", name): 1.0 for name in ("VMS", "RUNNING_VMS")}
    sizes = {"CPU": plan.template.cpu, "MEMORY": plan.template.memory}
    for name, size in sizes.items():
        if size is not None:
            needs |= {("VM", "", resource): float(size) for resource in (name, f"RUNNING_{name}")}
    leases = Counter(plan.template.networks)
    needs |= {("NETWORK", network, "LEASES"): float(number) for network, number in leases.items()}
    return needs | {("IMAGE", image, "RVMS"): 1.0 for image in plan.images}


def _short(whose: str, owner: Element, needs: Mapping[Key, float]) -> Iterator[str]:
    """What has no room."""
    default = owner.find(f"DEFAULT_{whose.upper()}_QUOTAS")
    defaults = {} if default is None else _quotas(default)
    own = _quotas(owner)
    for key, needed in needs.items():
        limit, used = own.get(key, (_DEFAULT, 0.0))
        if limit == _DEFAULT:
            limit = defaults.get(key, (_DEFAULT, 0.0))[0]
        if 0 <= limit < used + needed:
            section, one, resource = key
            name = f"{resource} of {section.lower()} {one}" if one else resource
            yield f"{name} of the {whose}: {used:g} of {limit:g} used, {needed:g} needed"


def _quotas(owner: Element) -> Mapping[Key, tuple[float, float]]:
    """Limit and usage by quota. Raises ValueError for one that makes no sense."""
    quotas: dict[Key, tuple[float, float]] = {}
    for section in _SECTIONS:
        for element in owner.iterfind(f"{section}_QUOTA/{section}"):
            found = fields(element)
            if found.get("CLUSTER_IDS"):
                continue
            for resource, limit in found.items():
                if (used := found.get(f"{resource}_USED")) is not None:
                    key = (section, found.get("ID", ""), resource)
                    quotas[key] = (float(limit), float(used))
    return quotas
