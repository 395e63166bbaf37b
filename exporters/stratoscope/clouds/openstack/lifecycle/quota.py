"""Whether the project has room for the VM. Sources: Nova's GET /limits, Neutron's /v2.0/quotas/{project}
/details.json; any role.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.lifecycle import RunReason, StepError
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import segment
from stratoscope.clouds.openstack.lifecycle.resolve import Plan


class _Absolute(
    msgspec.Struct,
    frozen=True,
    rename={
        "cores": "maxTotalCores",
        "cores_used": "totalCoresUsed",
        "instances": "maxTotalInstances",
        "instances_used": "totalInstancesUsed",
        "ram": "maxTotalRAMSize",
        "ram_used": "totalRAMUsed",
    },
):
    """Limits below 0 are none; `ram` in MiB."""

    cores: int = -1
    cores_used: int = 0
    instances: int = -1
    instances_used: int = 0
    ram: int = -1
    ram_used: int = 0


class _Limits(msgspec.Struct, frozen=True):
    absolute: _Absolute


class _ComputeAnswer(msgspec.Struct, frozen=True):
    limits: _Limits


class _Port(msgspec.Struct, frozen=True):
    limit: int = -1
    used: int = 0
    reserved: int = 0


class _Quota(msgspec.Struct, frozen=True):
    port: _Port = _Port()


class _NetworkAnswer(msgspec.Struct, frozen=True):
    quota: _Quota


_NONE: Final = _Port()


async def check_quota(api: Api, plan: Plan) -> None:
    """Raise StepError `quota`, with each quota that has no room. Raises as Api."""
    answer = await api.get("compute", "/limits", _ComputeAnswer, operation="limits")
    port = _NONE if plan.network_id is None else await _port(api)
    if short := [*_short(answer.limits.absolute, port, plan)]:
        raise StepError(RunReason.QUOTA, f"no room in the project's quota: {'; '.join(short)}")


async def _port(api: Api) -> _Port:
    """The quota of ports; none where Neutron does not say."""
    project_id = (await api.access()).project_id
    path = f"/v2.0/quotas/{segment(project_id)}/details.json"
    try:
        return (await api.get("network", path, _NetworkAnswer, operation="quotas")).quota.port
    except (ForbiddenError, NotThereError):  # before Newton, or without its extension
        return _NONE


def _short(nova: _Absolute, port: _Port, plan: Plan) -> Iterator[str]:
    for name, limit, used, needed in (
        ("cores", nova.cores, nova.cores_used, plan.flavor.vcpus),
        ("instances", nova.instances, nova.instances_used, 1),
        ("ram", nova.ram, nova.ram_used, plan.flavor.ram),
        ("port", port.limit, port.used + port.reserved, 1),
    ):
        if 0 <= limit < used + needed:
            yield f"{name}: {used} of {limit} used, {needed} needed"
