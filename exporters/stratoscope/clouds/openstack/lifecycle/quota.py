"""Whether the project has room for the VM and what its steps create. Sources: Nova's GET /limits, Neutron's
/v2.0/quotas/{project}/details.json, Cinder's GET /limits; any role.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.lifecycle import RunReason, StepError
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import segment
from stratoscope.clouds.openstack.lifecycle.description import Description
from stratoscope.clouds.openstack.lifecycle.errors import is_left_out
from stratoscope.clouds.openstack.lifecycle.resolve import Plan
from stratoscope.core.errors import LeftOutError


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


class _Used(msgspec.Struct, frozen=True):
    limit: int = -1
    used: int = 0
    reserved: int = 0


class _Quota(msgspec.Struct, frozen=True):
    port: _Used = _Used()
    floatingip: _Used = _Used()


class _NetworkAnswer(msgspec.Struct, frozen=True):
    quota: _Quota


class _Volumes(
    msgspec.Struct,
    frozen=True,
    rename={
        "volumes": "maxTotalVolumes",
        "volumes_used": "totalVolumesUsed",
        "gigabytes": "maxTotalVolumeGigabytes",
        "gigabytes_used": "totalGigabytesUsed",
    },
):
    """Limits below 0 are none."""

    volumes: int = -1
    volumes_used: int = 0
    gigabytes: int = -1
    gigabytes_used: int = 0


class _VolumeLimits(msgspec.Struct, frozen=True):
    absolute: _Volumes


class _VolumeAnswer(msgspec.Struct, frozen=True):
    limits: _VolumeLimits


_NONE: Final = _Quota()


async def check_quota(api: Api, plan: Plan, described: Description) -> None:
    """Raise StepError `quota`, with each quota that has no room. Raises as Api."""
    answer = await api.get("compute", "/limits", _ComputeAnswer, operation="limits")
    network = _NONE if plan.network_id is None else await _network(api)
    short = [*_short(answer.limits.absolute, network, plan)]
    if described.volume_size:
        short += _short_of_volumes(await _volumes(api), described.volume_size)
    if short:
        raise StepError(RunReason.QUOTA, f"no room in the project's quota: {'; '.join(short)}")


async def _network(api: Api) -> _Quota:
    """The quotas of ports and floating IPs; none where Neutron does not say."""
    project_id = (await api.access()).project_id
    path = f"/v2.0/quotas/{segment(project_id)}/details.json"
    try:
        return (await api.get("network", path, _NetworkAnswer, operation="quotas")).quota
    except (ForbiddenError, NotThereError):  # before Newton, or without its extension
        return _NONE


async def _volumes(api: Api) -> _Volumes:
    """The quotas of volumes; none where Cinder is absent, or the credential may not know."""
    try:
        answer = await api.get("block-storage", "/limits", _VolumeAnswer, operation="limits")
    except LeftOutError as error:
        if not is_left_out(error):
            raise
        return _Volumes()
    return answer.limits.absolute


def _short(nova: _Absolute, network: _Quota, plan: Plan) -> Iterator[str]:
    """What has no room for the VM, with the larger one of its flavors."""
    flavors = [plan.flavor, plan.resize_flavor or plan.flavor]
    yield from _lacking("cores", nova.cores, nova.cores_used, max(one.vcpus for one in flavors))
    yield from _lacking("instances", nova.instances, nova.instances_used, 1)
    yield from _lacking("ram", nova.ram, nova.ram_used, max(one.ram for one in flavors))
    port, floating = network.port, network.floatingip
    yield from _lacking("port", port.limit, port.used + port.reserved, 1)
    if plan.floating_network_id:
        yield from _lacking("floatingip", floating.limit, floating.used + floating.reserved, 1)


def _short_of_volumes(cinder: _Volumes, size: int) -> Iterator[str]:
    yield from _lacking("volumes", cinder.volumes, cinder.volumes_used, 1)
    yield from _lacking("gigabytes", cinder.gigabytes, cinder.gigabytes_used, size)


def _lacking(name: str, limit: int, used: int, needed: int) -> Iterator[str]:
    if 0 <= limit < used + needed:
        yield f"{name}: {used} of {limit} used, {needed} needed"
